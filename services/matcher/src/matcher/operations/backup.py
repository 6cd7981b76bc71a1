"""A backup: the tables as one snapshot sees them, then every object that their rows name."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from matcher import __version__
from matcher.db import Database, Session
from matcher.migrating import head_revision
from matcher.operations.archive import BackupWriter, write_backup
from matcher.operations.header import END, HEADER, End, Header
from matcher.operations.repository.dump import table_pieces, tables_of
from matcher.operations.repository.locks import no_removals
from matcher.operations.repository.objects import NamedObject, named_objects, schema_revision
from matcher.registry.repository import installed_model
from needledrop.errors import BackupError, ErrorCode, StorageError
from needledrop.log import get_logger
from needledrop_storage.store import MediaStore

log = get_logger(__name__)


@dataclass(frozen=True)
class BackupReport:
    """`damaged`: objects that are not in the backup, since the store lacks them or has other bytes."""

    members: int
    bytes: int
    damaged: list[str]


def back_up(database: Database, store: MediaStore, target: IO[bytes]) -> BackupReport:
    """Write a backup to a binary stream, while everything runs.

    Rows come before objects: an object is in the store before any row names it, and while this runs none is removed.
    """
    with no_removals(database), write_backup(target) as writer, database.snapshot() as session:
        header = _header(session)
        writer.add_bytes(HEADER, header.model_dump_json(indent=2).encode())
        for table, columns in header.tables.items():
            for number, piece in enumerate(table_pieces(session, table, columns)):
                writer.add_bytes(f"tables/{table}/{number:06}", piece)
        damaged = [named.key for named in named_objects(session) if not _add_object(writer, store, named)]
        writer.add_bytes(END, End(damaged=damaged).model_dump_json(indent=2).encode())
    return BackupReport(writer.members, writer.bytes, damaged)


def _header(session: Session) -> Header:
    revision = schema_revision(session)
    if revision != head_revision():
        raise BackupError(
            ErrorCode.BACKUP_INVALID, f"the database is at schema {revision or 'none'}: run `matcher migrate` first"
        )
    model = installed_model(session)
    return Header(
        created_at=datetime.now(UTC),
        version=__version__,
        revision=revision,
        tables=tables_of(session),
        bundle=f"{model.bundle}: {model.id}" if model else None,
    )


def _add_object(writer: BackupWriter, store: MediaStore, named: NamedObject) -> bool:
    """False where the object can't be had as the row says it is."""
    name = f"objects/{named.key}"
    try:
        if named.sha256 is None:
            writer.add_bytes(name, store.get_bytes(named.key))
        else:
            with store.local_copy(named.key, named.sha256) as path, path.open("rb") as file:
                writer.add_file(name, file.seek(0, io.SEEK_END), _rewound(file))
    except StorageError as error:
        if error.code is ErrorCode.STORAGE_UNAVAILABLE:
            raise
        log.error("not in the backup", key=named.key, what=named.what, code=error.code)
        return False
    return True


def _rewound(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file
