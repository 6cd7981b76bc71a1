"""A backup as one `.tar.zst`: members in a stream, and at its end `SHA256SUMS` over all that came before."""

import hashlib
import io
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Protocol, cast

import zstandard

from needledrop.errors import BackupError, ErrorCode

SUMS = "SHA256SUMS"
COPY_BYTES = 1 << 20


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@contextmanager
def write_backup(target: IO[bytes]) -> "Iterator[BackupWriter]":
    """A writer of members to a binary stream; nothing larger than a piece of one is in memory."""
    with (
        zstandard.ZstdCompressor(level=3, write_checksum=True).stream_writer(target, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        # A line an object, so it lies on disk.
        tempfile.TemporaryFile() as sums,
    ):
        writer = BackupWriter(tar, sums)
        yield writer
        writer.finish()


class BackupWriter:
    """What `write_backup` gives."""

    def __init__(self, tar: tarfile.TarFile, sums: IO[bytes]) -> None:
        self._tar = tar
        self._sums = sums
        self._now = time.time()
        self.members = 0
        self.bytes = 0

    def add_bytes(self, name: str, data: bytes) -> None:
        self.add_file(name, len(data), io.BytesIO(data))

    def add_file(self, name: str, size: int, file: IO[bytes]) -> None:
        """Add the next `size` bytes of a file."""
        hashing = _Hashing(file)
        self._add(name, size, hashing)
        self._sums.write(_line(hashing.hexdigest(), name))
        self.members += 1
        self.bytes += size

    def finish(self) -> None:
        """Add the sums."""
        size = self._sums.tell()
        self._sums.seek(0)
        self._add(SUMS, size, self._sums)

    def _add(self, name: str, size: int, file: Readable) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, self._now
        self._tar.addfile(member, cast(IO[bytes], file))


@dataclass(frozen=True)
class Member:
    """A file of the backup. What of `file` has not been read when the next member is asked for is read then."""

    name: str
    size: int
    file: "_Hashing"


def read_members(source: IO[bytes]) -> Iterator[Member]:
    """The members in their order, without the sums; after the last one, those are compared.

    `BackupError(backup_invalid)` where the stream is cut off, is no backup, or a member is not as it was written.
    """
    with tempfile.TemporaryFile() as found, _translated():
        stream = zstandard.ZstdDecompressor().stream_reader(source, closefd=False)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is None:
                    raise _invalid(f"{member.name} is not a file")
                if member.name == SUMS:
                    _compare(found, content)
                    return
                hashing = _Hashing(content)
                yield Member(member.name, member.size, hashing)
                hashing.drain()
                if hashing.bytes != member.size:
                    raise _invalid(f"{member.name} is cut off")
                found.write(_line(hashing.hexdigest(), member.name))
        raise _invalid("its end is missing")


class _Hashing:
    """Passes on what is read of a file, and hashes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        with _translated():
            data = self._file.read(size)
        self._digest.update(data)
        self.bytes += len(data)
        return data

    def drain(self) -> None:
        while self.read(COPY_BYTES):
            pass

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _compare(found: IO[bytes], written: IO[bytes]) -> None:
    found.seek(0)
    for line in found:
        if written.readline() != line:
            raise _invalid(f"{line.decode().split(maxsplit=1)[1].strip()} is not as it was written")
    if written.readline():
        raise _invalid("a file of it is missing")


def _line(sha256: str, name: str) -> bytes:
    """As `sha256sum` writes it, so that `sha256sum --check SHA256SUMS` works on an unpacked backup."""
    return f"{sha256}  {name}\n".encode()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zstandard.ZstdError, EOFError, UnicodeDecodeError) as error:
        raise _invalid("it can't be read to its end") from error


def _invalid(detail: str) -> BackupError:
    return BackupError(ErrorCode.BACKUP_INVALID, f"this is no whole backup: {detail}")
