"""The migrations, up and down, against the tables as the code declares them."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from matcher.migrating import alembic_config
from matcher.tables import Base
from tests.embedded import Servers

BUNDLE_MODEL = """
INSERT INTO models (id, kind, bundle, untrained_backbones, audio_space, video_space, active)
VALUES ('bundled', 'va_metric2', 'demo', true, 'audio-a', 'video-v', true)
"""
TRAINED_MODEL = """
INSERT INTO models (id, name, kind, bundle, untrained_backbones, audio_space, video_space,
                    active, installed, state, files)
SELECT 'trained', 'mine', kind, bundle, untrained_backbones, audio_space, video_space,
       false, false, 'ready', '{}' FROM models
"""
PAIR_JOB = """
INSERT INTO jobs (id, pair_id, modality, media_sha256, space, state, stage, attempt)
SELECT gen_random_uuid(), id, 'audio', sha256, 'audio-a', 'queued', 'queued', 1 FROM pairs
"""


def test_the_migrations_make_the_tables_that_the_code_declares(servers: Servers) -> None:
    with create_engine(servers.fresh_database()).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_each_migration_can_be_taken_back_and_made_again(servers: Servers) -> None:
    url = servers.fresh_database()
    config = alembic_config(url)
    engine = create_engine(url)
    command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    command.upgrade(config, "head")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_bundles_metric_stays_in_use_through_the_second_migration_and_back(servers: Servers) -> None:
    url = servers.fresh_database()
    config = alembic_config(url)
    engine = create_engine(url)
    command.downgrade(config, "0001")
    with engine.begin() as connection:
        connection.execute(text(BUNDLE_MODEL))
    command.upgrade(config, "head")
    with engine.begin() as connection:
        row = connection.execute(text("SELECT name, state, active, installed FROM models")).one()
        assert tuple(row) == ("demo", "ready", True, True)
        copied = (
            "INSERT INTO models SELECT 'trained' AS id, kind, bundle, untrained_backbones, audio_space, video_space"
        )
        rest = "false, clock_timestamp(), 'mine', false, 'ready', 0, NULL, NULL, '{}'::jsonb, NULL, NULL, NULL"
        connection.execute(text(f"{copied}, {rest} FROM models"))
        connection.execute(text("INSERT INTO pairs VALUES (gen_random_uuid(), 'ab', 'f', 't', 1)"))
        connection.execute(text(PAIR_JOB))
    command.downgrade(config, "0001")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id, active FROM models")).all() == [("bundled", True)]
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar() == 0
    engine.dispose()
