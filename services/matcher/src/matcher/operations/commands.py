"""The operator's words of the `matcher` command. What they say goes to standard error: a backup may go to the other."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.filesize import decimal

from matcher.db import Database
from matcher.operations.backup import back_up
from matcher.operations.orphans import OrphanCollector
from matcher.operations.restore import restore as restore_backup
from matcher.operations.verify import verify as verify_store
from matcher.settings import MatcherSettings
from needledrop.log import configure_logging
from needledrop_storage.store import MediaStore

STREAM = Path("-")
DAMAGED = 3
"""Exit status where the command did its work, and objects are missing or altered."""


@contextmanager
def _system() -> Iterator[tuple[MatcherSettings, Database, MediaStore]]:
    """Settings, database and media store."""
    settings = MatcherSettings()
    configure_logging(settings, "operations")
    database = Database(settings.database_url.get_secret_value())
    try:
        yield settings, database, MediaStore(settings.media_url, settings.scratch)
    finally:
        database.close()


def backup(
    out: Annotated[Path, typer.Option(help="A file, a folder for a file named by the time, or - for standard output.")],
) -> None:
    """Write database and media store to one .tar.zst, while everything runs."""
    with _system() as (_, database, store), _target(out) as (file, name):
        report = back_up(database, store, file)
    _say(f"{name}: {report.members} files, {decimal(report.bytes)}")
    _say_damaged("not in the backup", report.damaged)


def restore(
    source: Annotated[Path, typer.Option("--from", help="A backup, or - for standard input.")],
) -> None:
    """Fill an empty system from a backup: all of it or nothing, every file's hash checked, then verified in place."""
    with _system() as (settings, database, store), _source(source) as file:
        end = restore_backup(settings, database, store, file)
        report = verify_store(database, store)
    _say(f"restored and verified: {report.objects - len(report.damaged)} of {report.objects} objects")
    _say_damaged("damaged before the backup", [damage.key for damage in report.damaged] or end.damaged)


def verify() -> None:
    """Read everything that the database names and compare it with what the database says of it."""
    with _system() as (_, database, store):
        report = verify_store(database, store)
    _say(f"verified: {report.objects - len(report.damaged)} of {report.objects} objects")
    _say_damaged("", [f"{damage.code} {damage.key} ({damage.what})" for damage in report.damaged])


def collect_orphans(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed.")] = False,
    older_than_h: Annotated[float, typer.Option(min=0, help="Leave what was written in the last hours.")] = 24.0,
) -> None:
    """Remove objects that no row names, and temporary files that a crash has left; safe while everything runs."""
    with _system() as (_, database, store):
        report = OrphanCollector(database, store, timedelta(hours=older_than_h), dry_run=dry_run).run()
    done = "would remove" if dry_run else "removed"
    _say(
        f"{done} {report.objects} of {report.examined} objects and {report.files} temporary files, "
        f"{decimal(report.bytes)}"
    )


@contextmanager
def _target(out: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The file to write, in place only when it is whole and on the disk, and readable by its owner only."""
    if out == STREAM:
        yield sys.stdout.buffer, "standard output"
        sys.stdout.buffer.flush()
        return
    path = out / f"needledrop-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.zst" if out.is_dir() else out
    staged = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file, str(path)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def _source(source: Path) -> Iterator[IO[bytes]]:
    if source == STREAM:
        yield sys.stdin.buffer
        return
    try:
        file = source.open("rb")
    except OSError as error:
        _say(f"{source} can't be read: {error.strerror}")
        raise typer.Exit(1) from error
    with file:
        yield file


def _say_damaged(what: str, keys: list[str]) -> None:
    for key in keys:
        _say(f"{what}: {key}" if what else key)
    if keys:
        raise typer.Exit(DAMAGED)


def _say(text: str) -> None:
    typer.echo(text, err=True)
