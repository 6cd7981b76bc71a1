"""Tables as PostgreSQL's own COPY text, in pieces: read within a snapshot, written within a transaction."""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from matcher.db import Session
from matcher.tables import Base
from needledrop.errors import BackupError, ErrorCode

PIECE_BYTES = 8 << 20
VERSION = frozenset({"alembic_version"})
PASSING = VERSION | {"page_sessions"}
"""Tables that a backup leaves out: who was signed in signs in again."""

_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
_IDENTITIES = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND is_identity = 'YES' ORDER BY table_name
"""
_TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
"""


def tables_of(session: Session) -> dict[str, list[str]]:
    """Every table to be kept with its columns, each after those that it refers to."""
    connection = driver_connection(session)
    order = {table.name: place for place, table in enumerate(Base.metadata.sorted_tables)}
    names = {row[0] for row in connection.execute(_TABLES)} - PASSING
    if unknown := names - order.keys():
        raise BackupError(
            ErrorCode.BACKUP_INVALID, f"the database has tables of another version: {', '.join(sorted(unknown))}"
        )
    return {
        name: [row[0] for row in connection.execute(_COLUMNS, [name])] for name in sorted(names, key=order.__getitem__)
    }


def table_pieces(session: Session, table: str, columns: Iterable[str]) -> Iterator[bytes]:
    """The table's rows, in pieces of about 8 MiB that don't end where rows do."""
    command = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table), _names(columns))
    piece = bytearray()
    with driver_connection(session).cursor() as cursor, cursor.copy(command) as copy:
        for data in copy:
            piece += data
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    if piece:
        yield bytes(piece)


def fill_table(session: Session, table: str, columns: Iterable[str], pieces: Iterable[bytes]) -> None:
    """Write what `table_pieces` gave into an empty table; `BackupError` where the rows don't fit it."""
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _names(columns))
    try:
        with driver_connection(session).cursor() as cursor, cursor.copy(command) as copy:
            for piece in pieces:
                copy.write(piece)
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
        raise BackupError(ErrorCode.BACKUP_INVALID, f"the rows of {table} don't fit the schema") from error


def continue_identities(session: Session) -> None:
    """Let every identity column go on after the largest number in it."""
    connection = driver_connection(session)
    for table, column in connection.execute(_IDENTITIES).fetchall():
        query = sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}").format(
            sql.Literal(table), sql.Literal(column), sql.Identifier(column), sql.Identifier(table)
        )
        connection.execute(query)


def empty_tables(session: Session) -> None:
    """Lock every table against all others until the transaction ends, and empty it."""
    connection = driver_connection(session)
    names = sorted({row[0] for row in connection.execute(_TABLES)} - VERSION)
    connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))


def filled_tables(session: Session) -> list[str]:
    """The tables that hold anything which the start of an empty system doesn't put there: its bundle's metric."""
    connection = driver_connection(session)
    names = sorted({row[0] for row in connection.execute(_TABLES)} - PASSING - {"models"})
    any_row = sql.SQL("SELECT 1 FROM {} LIMIT 1")
    return [name for name in names if connection.execute(any_row.format(sql.Identifier(name))).fetchone()]


def driver_connection(session: Session) -> "psycopg.Connection[Any]":
    """psycopg's connection of the session's transaction."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def _names(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
