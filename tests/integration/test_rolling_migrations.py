"""Migrations beside the version before, which goes on running: they add, they don't wait long, they take turns."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from uuid import uuid4

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from matcher import migrating
from matcher.migrating import alembic_config, head_revision, upgrade
from tests.embedded import Servers

ADDED_WITHOUT_A_VALUE = {("models", "name"), ("models", "installed"), ("models", "state")}
"""Only `migrate` inserts models of bundles, and the one that runs then is the new version's."""

COLUMNS = """
SELECT table_name, column_name, udt_name, is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'
FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'alembic_version'
"""
STOPPED_FOR = "0008"
"""The one migration for which everything is stopped: one table for jobs of every kind. Nothing was released before."""
# What the first version writes and reads, as it wrote it.
MODEL = """
INSERT INTO models (id, kind, bundle, untrained_backbones, audio_space, video_space, active)
VALUES ('bundled', 'va_metric2', 'demo', true, 'audio-a', 'video-v', true)
"""
FIRST_JOB = (
    "INSERT INTO jobs (id, {column}, modality, media_sha256, space, state, stage, attempt)"
    " VALUES (gen_random_uuid(), :id, 'audio', :sha256, 'audio-a', 'queued', 'queued', 1)"
)
JOB_OF_A_KIND = (
    "INSERT INTO jobs (id, {column}, kind, space, state, stage, attempt, tries)"
    " VALUES (gen_random_uuid(), :id, 'audio', 'audio-a', 'queued', 'queued', 1, 1)"
)
"""As it is written since the migration that everything was stopped for."""
WRITES = (
    "INSERT INTO {assets} (id, sha256, filename, media_type, bytes) VALUES (:id, :sha256, 'a.ogg', 'audio/ogg', 3)",
    "{job}",
    "UPDATE jobs SET state = 'running', worker = 'w', lease_until = clock_timestamp() WHERE {column} = :id",
    "INSERT INTO features (media_sha256, space, key, rows, hop_s) VALUES (:sha256, 'audio-a', 'k', 1, 1)",
    "INSERT INTO embeddings (model_id, {column}, \"window\", start_s, vector) VALUES ('bundled', :id, 0, 0, '[1,2,3]')",
    "UPDATE jobs SET state = 'done', progress = 1, updated_at = clock_timestamp() WHERE {column} = :id",
)
RANKING = """
SELECT DISTINCT ON (e.track_id) e.track_id, e.start_s, t.filename, t.duration_s, t.created_at, j.state, j.progress
FROM embeddings e JOIN tracks t ON t.id = e.track_id JOIN jobs j ON j.track_id = t.id AND j.space = 'audio-a'
WHERE e.model_id = (SELECT id FROM models WHERE active) ORDER BY e.track_id, e.vector <-> '[1,2,4]'
"""


@dataclass(frozen=True)
class OldDatabase:
    """A database at the first schema, with what the first version has written."""

    url: str
    engine: Engine

    def write(self, assets: str, column: str) -> None:
        with self.engine.begin() as connection:
            values = {"id": uuid4(), "sha256": uuid4().hex * 2}
            job = FIRST_JOB if _is_before(self.revision(), STOPPED_FOR) else JOB_OF_A_KIND
            for statement in WRITES:
                written = statement.format(assets=assets, column=column, job=job.format(column=column))
                connection.execute(text(written), values)

    def ranked(self) -> int:
        with self.engine.begin() as connection:
            return len(connection.execute(text(RANKING)).all())

    def columns(self) -> dict[tuple[str, str], tuple[str, bool]]:
        with self.engine.begin() as connection:
            return {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(text(COLUMNS))}

    def revision(self) -> str:
        with self.engine.begin() as connection:
            return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


@pytest.fixture
def old(servers: Servers) -> Iterator[OldDatabase]:
    url = servers.fresh_database()
    command.downgrade(alembic_config(url), "0001")
    engine = create_engine(url, connect_args={"options": "-c lock_timeout=20s"})
    with engine.begin() as connection:
        connection.execute(text(MODEL))
    yield OldDatabase(url, engine)
    engine.dispose()


def revisions() -> list[str]:
    """From the first to the head."""
    walked = ScriptDirectory.from_config(alembic_config("")).walk_revisions()
    return [script.revision for script in walked][::-1]


def test_a_migration_takes_nothing_away_and_asks_nothing_new_of_the_version_before(old: OldDatabase) -> None:
    before = old.columns()
    for revision in revisions()[1:]:
        command.upgrade(alembic_config(old.url), revision)
        after = old.columns()
        if revision == STOPPED_FOR:
            before = after
            continue
        assert {key: after.get(key, (None,))[0] for key in before} == {key: kind for key, (kind, _) in before.items()}
        tables = {table for table, _ in before}
        needed = {key for key in after.keys() - before.keys() if key[0] in tables and not after[key][1]}
        assert needed <= ADDED_WITHOUT_A_VALUE, revision
        before = after


def test_what_the_version_before_writes_and_reads_works_on_every_schema_since_up_and_down(old: OldDatabase) -> None:
    config = alembic_config(old.url)
    steps = revisions()
    for written, revision in enumerate([*steps, *steps[-2::-1], *steps], start=1):
        moves = command.downgrade if _is_before(revision, old.revision()) else command.upgrade
        moves(config, revision)
        old.write("tracks", "track_id")
        old.write("clips", "clip_id")
        assert old.ranked() == written
    assert old.revision() == head_revision()


def _is_before(revision: str, other: str) -> bool:
    order = revisions()
    return order.index(revision) < order.index(other)


def test_a_busy_table_delays_a_migration_and_the_table_stays_usable(
    old: OldDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = threading.Event()
    monkeypatch.setattr(migrating, "log", SimpleNamespace(warning=lambda *_, **__: busy.set()))
    upgraded = threading.Thread(target=upgrade, args=[old.url], kwargs={"lock_within_s": 1.0, "pause_s": 1.0})
    with old.engine.begin() as connection:
        connection.execute(text("LOCK TABLE jobs, models IN ACCESS SHARE MODE"))
        upgraded.start()
        deadline = time.monotonic() + 60
        while not busy.wait(0.05):
            assert time.monotonic() < deadline
            old.write("tracks", "track_id")
        assert old.revision() == "0001"
        old.write("clips", "clip_id")
    upgraded.join()
    assert old.revision() == head_revision()
    assert old.ranked() > 0


def test_a_table_that_is_never_free_ends_the_migration_without_a_trace(old: OldDatabase) -> None:
    with old.engine.begin() as connection:
        connection.execute(text("LOCK TABLE jobs, models IN ACCESS SHARE MODE"))
        with pytest.raises(OperationalError) as caught:
            upgrade(old.url, lock_within_s=0.05, pause_s=0.01)
        assert isinstance(caught.value.orig, LockNotAvailable)
    assert old.revision() == "0001"
    old.write("tracks", "track_id")
    upgrade(old.url)


def test_migrations_that_start_at_once_take_turns(old: OldDatabase) -> None:
    code = "import sys; from matcher.migrating import upgrade; upgrade(sys.argv[1])"
    processes = [subprocess.Popen([sys.executable, "-c", code, old.url]) for _ in range(3)]
    deadline = time.monotonic() + 120
    assert [process.wait(deadline - time.monotonic()) for process in processes] == [0, 0, 0]
    assert old.revision() == head_revision()
