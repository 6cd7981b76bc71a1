"""Restoring a backup into an empty system: all of it, or nothing."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import IO

from matcher.db import Database, OperationalError, Session
from matcher.migrating import move_to, revisions, upgrade
from matcher.operations.archive import Member, read_members
from matcher.operations.header import END, HEADER, End, Header
from matcher.operations.repository.dump import continue_identities, empty_tables, fill_table, filled_tables
from matcher.operations.repository.locks import wait_shortly_for_tables
from matcher.operations.repository.objects import schema_revision
from matcher.settings import MatcherSettings
from needledrop.errors import BackupError, ErrorCode
from needledrop.log import get_logger
from needledrop_storage.store import MediaStore

PREFIXES = ("media", "features", "models")
LARGEST_JSON = 64 << 20
_KEY = re.compile(r"objects/((?:media|features|models)/(?:[\w.-]+/)*[\w.-]+)")
log = get_logger(__name__)


def restore(settings: MatcherSettings, database: Database, store: MediaStore, source: IO[bytes]) -> End:
    """Fill an empty database and media store from a backup, then bring the schema to this version.

    The rows are committed once every byte of the backup has been read and compared; where that fails, the system is
    empty as before. `BackupError`: `restore_not_empty`, `backup_invalid`, `backup_newer`.
    """
    members = read_members(source)
    header = _header(members)
    _require_empty(database, store)
    url = settings.database_url.get_secret_value()
    move_to(url, header.revision)
    with _undone_unless_whole(store), _all_tables(database) as session:
        end = _fill(session, store, settings.scratch, header, members)
        continue_identities(session)
    upgrade(url)
    return end


def _header(members: Iterator[Member]) -> Header:
    first = next(members, None)
    if first is None or first.name != HEADER:
        raise BackupError(ErrorCode.BACKUP_INVALID, f"this is no whole backup: it doesn't begin with {HEADER}")
    header = Header.read(_json(first))
    if header.revision not in revisions():
        raise BackupError(
            ErrorCode.BACKUP_NEWER, f"the backup is of schema {header.revision}, which this version doesn't know"
        )
    return header


def _require_empty(database: Database, store: MediaStore) -> None:
    with database.begin() as session:
        filled = filled_tables(session) if schema_revision(session) else []
    filled += [f"{prefix}/" for prefix in PREFIXES if next(store.objects(prefix), None)]
    if filled:
        raise _not_empty(filled)


@contextmanager
def _all_tables(database: Database) -> Iterator[Session]:
    """One transaction that nobody else can read or write beside, with every table empty."""
    with database.begin() as session:
        wait_shortly_for_tables(session)
        try:
            if filled := filled_tables(session):
                raise _not_empty(filled)
            empty_tables(session)
        except OperationalError as error:
            raise _not_empty(["tables in use"]) from error
        yield session


@contextmanager
def _undone_unless_whole(store: MediaStore) -> Iterator[None]:
    """Remove what was put into the store, which was empty, where the block fails."""
    try:
        yield
    except BaseException:
        for prefix in PREFIXES:
            for stored in list(store.objects(prefix)):
                store.delete(stored.key)
        raise


def _fill(session: Session, store: MediaStore, scratch: Path | None, header: Header, members: Iterator[Member]) -> End:
    end: End | None = None
    for table, pieces in groupby(members, key=_table):
        if table is not None:
            if table not in header.tables:
                raise BackupError(ErrorCode.BACKUP_INVALID, f"this is no whole backup: {table} is not in {HEADER}")
            fill_table(session, table, header.tables[table], (_all(piece) for piece in pieces))
            continue
        for member in pieces:
            if member.name == END:
                end = End.read(_json(member))
            else:
                _put(store, scratch, member)
    if end is None:
        raise BackupError(ErrorCode.BACKUP_INVALID, f"this is no whole backup: it lacks {END}")
    return end


def _table(member: Member) -> str | None:
    parts = member.name.split("/")
    return parts[1] if parts[0] == "tables" and len(parts) == 3 else None


def _put(store: MediaStore, scratch: Path | None, member: Member) -> None:
    key = _KEY.fullmatch(member.name)
    if key is None or ".." in member.name:
        raise BackupError(ErrorCode.BACKUP_INVALID, f"this is no whole backup: what is {member.name!r}?")
    with tempfile.TemporaryDirectory(prefix="needledrop-restore-", dir=scratch) as folder:
        path = Path(folder) / "object"
        with path.open("wb") as file:
            shutil.copyfileobj(member.file, file)
        store.put_file(key[1], path)


def _all(member: Member) -> bytes:
    return member.file.read()


def _json(member: Member) -> bytes:
    if member.size > LARGEST_JSON:
        raise BackupError(ErrorCode.BACKUP_INVALID, f"this is no whole backup: {member.name} is too large")
    return member.file.read()


def _not_empty(what: list[str]) -> BackupError:
    return BackupError(
        ErrorCode.RESTORE_NOT_EMPTY, f"a backup is restored into an empty system only; this one has {', '.join(what)}"
    )
