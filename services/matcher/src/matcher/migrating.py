"""The schema and its migrations."""

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import create_engine, pool, text
from sqlalchemy.exc import OperationalError

from needledrop.log import get_logger

TRIES = 6
LOCK_WITHIN_S = 5.0
PAUSE_S = 5.0
log = get_logger(__name__)


def alembic_config(url: str) -> Config:
    """Alembic's configuration for the migrations that are part of this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str, lock_within_s: float = LOCK_WITHIN_S, pause_s: float = PAUSE_S) -> None:
    """Bring the database to this version's schema.

    A migration waits for a lock no longer than a few seconds, since all others wait behind it; then it is tried again,
    six times in all. `OperationalError` where that is not enough; what was migrated before stays.
    """
    config = alembic_config(url)
    config.attributes["lock_within_s"] = lock_within_s
    for _ in range(TRIES - 1):
        try:
            command.upgrade(config, "head")
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            log.warning("the database is busy, trying the migration again", seconds=pause_s)
            time.sleep(pause_s)
        else:
            return
    command.upgrade(config, "head")


def move_to(url: str, revision: str) -> None:
    """Bring an empty database to exactly this revision."""
    config = alembic_config(url)
    scripts = ScriptDirectory.from_config(config)
    current = _current(url)
    older = {script.revision for script in scripts.iterate_revisions(current, "base")} if current else set()
    if revision in older - {current}:
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def revisions() -> set[str]:
    """Every revision that this version knows."""
    return {script.revision for script in _scripts().walk_revisions()}


def head_revision() -> str:
    head = _scripts().get_current_head()
    assert head is not None
    return head


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config(""))


def _current(url: str) -> str | None:
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found
