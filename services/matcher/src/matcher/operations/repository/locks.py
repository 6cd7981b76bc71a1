"""The SQL that keeps others out: of removing objects during a backup, of every table during a restore."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from matcher.db import Database, OperationalError, Session
from matcher.locks import LockKey
from needledrop.errors import BackupError, ErrorCode

REMOVALS_WITHIN_S = 60
TABLES_WITHIN_S = 30


@contextmanager
def no_removals(database: Database) -> Iterator[None]:
    """While the block runs, nobody removes an object: what is deleted meanwhile is left to `collect-orphans`.

    `BackupError(backup_running)` where another block like this runs.
    """
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.execute(text(f"SET lock_timeout = '{REMOVALS_WITHIN_S}s'"))
            connection.execute(text(f"SELECT pg_advisory_lock({LockKey.REMOVAL})"))
        except OperationalError as error:
            raise BackupError(
                ErrorCode.BACKUP_RUNNING, "another backup or collection of orphans is under way"
            ) from error
        try:
            yield
        finally:
            connection.execute(text("RESET lock_timeout"))
            connection.execute(text(f"SELECT pg_advisory_unlock({LockKey.REMOVAL})"))


def wait_shortly_for_tables(session: Session) -> None:
    """A lock that this transaction can't have within half a minute is an `OperationalError`."""
    session.execute(text(f"SET LOCAL lock_timeout = '{TABLES_WITHIN_S}s'"))
