"""Files that uploads are received into, and what becomes of those that a killed process left behind."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import anyio.to_thread

from needledrop.errors import ErrorCode, StorageError
from needledrop_storage.placing import has_no_room
from needledrop_storage.store import no_room

FLUSH_BYTES = 256 << 10
RECEIVED = "upload-"
UNFINISHED = "part-"
SETTLED_S = 60.0
UNFINISHED_S = 3600.0


class FileSink:
    """A new file that bytes are written to off the event loop, hashed on the way; locked while it is open.

    `write` keeps at most a chunk more than `FLUSH_BYTES`; `flush` brings it to the file where that is worth it.
    """

    def __init__(self, path: Path, descriptor: int, disk: anyio.CapacityLimiter) -> None:
        self.path = path
        self.bytes = 0
        self._descriptor = descriptor
        self._disk = disk
        self._digest = hashlib.sha256()
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        self._buffer += data

    async def flush(self, *, all_of_it: bool = False) -> None:
        if len(self._buffer) >= FLUSH_BYTES or (all_of_it and self._buffer):
            data, self._buffer = self._buffer, bytearray()
            await anyio.to_thread.run_sync(self._store, data, limiter=self._disk)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _store(self, data: bytearray) -> None:
        self._digest.update(data)
        write_all(self._descriptor, data)


@contextmanager
def new_sink(folder: Path, disk: anyio.CapacityLimiter) -> Iterator[FileSink]:
    """A sink whose file is removed at the end, unless it was renamed."""
    with translated():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{RECEIVED}{uuid4().hex}"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    try:
        lock(descriptor)
        yield FileSink(path, descriptor, disk)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """`StorageError(storage_full)` where there is no room."""
    view = memoryview(data)
    with translated():
        while view:
            view = view[os.write(descriptor, view) :]


def lock(descriptor: int) -> bool:
    """Take a file for oneself until it is closed, also by the process's death; False where another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep_abandoned(folder: Path) -> int:
    """Remove what processes left that are gone; how many files. Those of living ones are locked, or young."""
    removed = 0
    for path in [*folder.glob(f"{RECEIVED}*"), *folder.glob(f"{UNFINISHED}*")]:
        with suppress(FileNotFoundError):
            age = time.time() - path.stat().st_mtime
            if age > (SETTLED_S if path.name.startswith(RECEIVED) else UNFINISHED_S) and _nobodys(path):
                path.unlink()
                removed += 1
    return removed


@contextmanager
def translated() -> Iterator[None]:
    """The disk's errors as the media store's."""
    try:
        yield
    except OSError as error:
        if has_no_room(error):
            raise no_room() from error
        raise StorageError(ErrorCode.STORAGE_UNAVAILABLE, "the folder of uploads can't be written") from error


def _nobodys(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return lock(descriptor)
    finally:
        os.close(descriptor)
