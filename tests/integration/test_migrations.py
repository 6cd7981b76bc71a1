"""The migrations, up and down, against the tables as the code declares them."""

from typing import Any

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
OLD_JOBS = """
INSERT INTO tracks (id, sha256, filename, media_type, bytes)
VALUES ('00000000-0000-0000-0000-000000000001', 'aa', 'a.ogg', 'audio/ogg', 3);
INSERT INTO pairs (id, sha256, filename, media_type, bytes)
VALUES ('00000000-0000-0000-0000-000000000002', 'bb', 'b.mp4', 'video/mp4', 4);
INSERT INTO models (id, name, kind, bundle, untrained_backbones, audio_space, video_space, active, installed, state)
VALUES ('trained', 'mine', 'va_metric2', 'demo', true, 'audio-a', 'video-v', false, false, 'training');
INSERT INTO jobs (id, track_id, modality, media_sha256, space, state, stage, progress, attempt, tries, worker,
                  lease_until)
VALUES ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', 'audio', 'aa', 'audio-a',
        'running', 'extracting', 0.5, 3, 2, 'w', '2026-01-02T03:04:05Z');
INSERT INTO jobs (id, pair_id, modality, media_sha256, space, state, stage, attempt, error_code, error_detail)
VALUES ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-000000000002', 'audio', 'bb', 'audio-a',
        'failed', 'queued', 1, 'no_audio', 'a sentence'),
       ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-000000000002', 'video', 'bb', 'video-v',
        'queued', 'queued', 1, NULL, NULL);
INSERT INTO model_jobs (id, model_id, kind, state, attempt, epoch, epochs, figures, worker, lease_until)
VALUES ('00000000-0000-0000-0000-00000000000d', 'trained', 'train', 'running', 2, 7, 40, '{"loss": 0.25}', 't',
        '2026-01-02T03:04:05Z');
INSERT INTO model_jobs (id, model_id, kind, state, attempt)
VALUES ('00000000-0000-0000-0000-00000000000e', 'trained', 'activate', 'done', 1);
"""
PAIR_JOB = """
INSERT INTO jobs (id, pair_id, kind, space, state, stage, attempt)
SELECT gen_random_uuid(), id, 'audio', 'audio-a', 'queued', 'queued', 1 FROM pairs
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


def test_jobs_of_files_and_of_models_become_one_table_and_part_again(servers: Servers) -> None:
    url = servers.fresh_database()
    config = alembic_config(url)
    engine = create_engine(url)

    def rows(query: str) -> list[dict[str, Any]]:
        with engine.begin() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    command.downgrade(config, "0007")
    with engine.begin() as connection:
        connection.execute(text(OLD_JOBS))
    before = rows("SELECT * FROM jobs ORDER BY id"), rows("SELECT * FROM model_jobs ORDER BY id")
    command.upgrade(config, "head")
    jobs = {str(row["id"])[-1]: row for row in rows("SELECT * FROM jobs")}
    assert {key: (row["kind"], row["space"], row["state"]) for key, row in jobs.items()} == {
        "a": ("audio", "audio-a", "running"),
        "b": ("audio", "audio-a", "failed"),
        "c": ("video", "video-v", "queued"),
        "d": ("train", "", "running"),
        "e": ("activate", "", "done"),
    }
    training = jobs["d"]
    assert (training["model_id"], training["attempt"], training["tries"]) == ("trained", 2, 2)
    assert training["figures"] == {"epoch": 7, "epochs": 40, "figures": {"loss": 0.25}}
    assert (jobs["e"]["stage"], jobs["e"]["progress"], jobs["e"]["figures"]) == ("ready", 1.0, None)
    assert (jobs["a"]["tries"], jobs["a"]["progress"]) == (2, 0.5)

    command.downgrade(config, "0007")
    assert (rows("SELECT * FROM jobs ORDER BY id"), rows("SELECT * FROM model_jobs ORDER BY id")) == before
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
