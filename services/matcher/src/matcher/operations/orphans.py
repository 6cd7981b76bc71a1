"""Removing what nothing names: objects without a row, and temporary files that a crash has left."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from matcher.content.repository import content_in_use, lock_content, may_remove
from matcher.db import Database
from matcher.operations.repository.objects import hashes_in_use, model_file_in_use
from needledrop.errors import BackupError, ErrorCode
from needledrop.log import get_logger
from needledrop_storage.store import MediaStore, StoredObject

BATCH = 500
GRACE = timedelta(hours=24)
log = get_logger(__name__)


@dataclass
class OrphanReport:
    """How many objects were looked at, and how many objects, files and bytes were removed, or would be."""

    examined: int = 0
    objects: int = 0
    files: int = 0
    bytes: int = 0


class OrphanCollector:
    """Safe beside everything that runs.

    An upload keeps its bytes and writes its row under the lock of its content, so an object that no row names under
    that lock is nobody's. `grace` is for what has no such lock: temporary files, and files of a training.
    """

    def __init__(
        self, database: Database, store: MediaStore, grace: timedelta = GRACE, *, dry_run: bool = False
    ) -> None:
        self._database = database
        self._store = store
        self._before = datetime.now(UTC) - grace
        self._dry_run = dry_run

    def run(self) -> OrphanReport:
        """Remove orphans older than the grace period; `BackupError(backup_running)` while a backup is made."""
        report = OrphanReport()
        for prefix in ("media", "features"):
            for batch in _batches(self._old(prefix, report)):
                self._collect_content(batch, report)
        for stored in self._old("models", report):
            self._collect_model_file(stored, report)
        for path in self._store.leftovers(self._before):
            self._remove_file(path, report)
        return report

    def _old(self, prefix: str, report: OrphanReport) -> Iterator[StoredObject]:
        for stored in self._store.objects(prefix):
            report.examined += 1
            if stored.modified < self._before:
                yield stored

    def _collect_content(self, batch: list[StoredObject], report: OrphanReport) -> None:
        """Media and features are kept under the hash of the file that they are, or come from."""
        hashes = {stored: _content(stored.key) for stored in batch}
        with self._database.begin() as session:
            used = hashes_in_use(session, sorted({sha256 for sha256 in hashes.values() if sha256}))
        for stored, sha256 in hashes.items():
            if sha256 is None or sha256 in used:
                continue
            with self._database.begin() as session:
                lock_content(session, sha256)
                if not content_in_use(session, sha256):
                    self._remove(stored, report, allowed=may_remove(session))

    def _collect_model_file(self, stored: StoredObject, report: OrphanReport) -> None:
        _, model_id, *path = stored.key.split("/")
        with self._database.begin() as session:
            if not model_file_in_use(session, model_id, "/".join(path)):
                self._remove(stored, report, allowed=may_remove(session))

    def _remove(self, stored: StoredObject, report: OrphanReport, *, allowed: bool) -> None:
        if not allowed:
            raise BackupError(ErrorCode.BACKUP_RUNNING, "a backup is under way: collect orphans when it is done")
        if not self._dry_run:
            self._store.delete(stored.key)
        report.objects += 1
        report.bytes += stored.bytes
        log.info("orphan", key=stored.key, bytes=stored.bytes, removed=not self._dry_run)

    def _remove_file(self, path: Path, report: OrphanReport) -> None:
        try:
            size = path.stat().st_size
            if not self._dry_run:
                path.unlink()
        except FileNotFoundError:
            return
        report.files += 1
        report.bytes += size
        log.info("leftover", name=path.name, bytes=size, removed=not self._dry_run)


def _content(key: str) -> str | None:
    """The hash in `media/ab/abc…` or `features/ab/abc…/space.npy`; None for a key of another form, which stays."""
    parts = key.split("/")
    return parts[2] if len(parts) >= 3 and len(parts[2]) == 64 and parts[2].startswith(parts[1]) else None


def _batches(objects: Iterable[StoredObject]) -> Iterator[list[StoredObject]]:
    iterator = iter(objects)
    while batch := list(islice(iterator, BATCH)):
        yield batch
