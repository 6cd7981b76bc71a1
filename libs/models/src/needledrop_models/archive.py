"""Bundles as one file: pack a folder into a `.tar.zst`, and unpack one beside itself."""

import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from glob import escape
from io import BufferedReader
from pathlib import Path, PurePosixPath
from uuid import uuid4

import zstandard
from pydantic import BaseModel, ConfigDict, ValidationError

from needledrop.bundle import MANIFEST, Bundle
from needledrop.errors import BundleError, ErrorCode

SUFFIX = ".tar.zst"
LARGEST = 8 << 30
MOST_FILES = 10_000
"""Far more than any bundle holds; less than would fill a disk."""
NOTE = ".unpacked.json"
"""Lies in a folder that was unpacked, and says from what; hidden, so that it is packed into no archive."""
ABANDONED_S = 86400.0
"""What was staged so long ago is of a process that was killed."""


def open_bundle(path: Path, *, strict: bool = False) -> Bundle:
    """The bundle at a path: a folder, or a `.tar.zst` that is unpacked beside itself, and anew once it was replaced.

    Size and time of the archive say whether it was replaced, its SHA-256 where they changed; with `strict` always.
    `BundleError` where the folder's place is taken by one that wasn't unpacked from an archive, or was changed since.
    """
    if not path.name.endswith(SUFFIX):
        return Bundle.load(path)
    folder = path.with_name(path.name.removesuffix(SUFFIX))
    origin = _origin(folder)
    if origin is None or not _is_of(path, origin, folder, strict=strict):
        unpack(path, folder)
    return Bundle.load(folder)


def pack(folder: Path, archive: Path) -> None:
    """Write the bundle in `folder`, its files checked first, to `archive`."""
    Bundle.load(folder).verify()
    with (
        archive.open("wb") as raw,
        zstandard.ZstdCompressor(level=10, threads=-1).stream_writer(raw) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.is_file() and not hidden:
                tar.add(path, arcname=path.relative_to(folder).as_posix())


def unpack(archive: Path, folder: Path, largest: int = LARGEST) -> None:
    """Unpack into `folder`, whole or not at all; `BundleError` where it is no archive of plain files inside a folder.

    Links, devices, paths that lead out, and more than `largest` bytes in all are refused before they are written. What
    an earlier archive gave is replaced; any other folder there is a `BundleError`.
    """
    _sweep(folder)
    staged = _staging(folder)
    try:
        staged.mkdir(parents=True)
        with archive.open("rb") as raw:
            stat, sha256 = os.fstat(raw.fileno()), _sha256(raw)
            raw.seek(0)
            with (
                zstandard.ZstdDecompressor().stream_reader(raw) as stream,
                tarfile.open(fileobj=stream, mode="r|") as tar,
            ):
                tar.extractall(staged, members=_plain(tar, archive.name, largest), filter="data")
        Bundle.load(staged).verify()
        manifest = _sha256_of(staged / MANIFEST)
        origin = _Origin(size=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=sha256, manifest=manifest)
        origin.save(staged)
        _put_in_place(staged, folder, origin)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, OSError, ValueError) as error:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{archive.name} can't be unpacked: {_why(error)}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


class _Origin(BaseModel):
    """What a folder was unpacked from: the archive's size, time and hash, and the hash of the `bundle.json` in it."""

    model_config = ConfigDict(frozen=True)
    size: int
    mtime_ns: int
    sha256: str
    manifest: str

    def save(self, folder: Path) -> None:
        part = folder / f"{NOTE}.{uuid4().hex}.part"
        part.write_text(self.model_dump_json() + "\n", encoding="utf-8")
        part.replace(folder / NOTE)


def _origin(folder: Path) -> _Origin | None:
    """None where there is no bundle; `BundleError` where there is one that is not just what an archive gave."""
    if not (folder / MANIFEST).is_file():
        return None
    with suppress(OSError, ValidationError):
        origin = _Origin.model_validate_json((folder / NOTE).read_bytes())
        if _sha256_of(folder / MANIFEST) == origin.manifest:
            return origin
    raise BundleError(
        ErrorCode.BUNDLE_INVALID,
        f"the folder {folder.name} beside {folder.name}{SUFFIX} was not unpacked from it, or was changed since: "
        "name the folder itself, or move it away, and the archive is unpacked",
    )


def _is_of(archive: Path, origin: _Origin, folder: Path, *, strict: bool) -> bool:
    """Whether the folder came of this archive; a note of another time, as of a copy, is brought up to date."""
    try:
        with archive.open("rb") as raw:
            stat = os.fstat(raw.fileno())
            same = (stat.st_size, stat.st_mtime_ns) == (origin.size, origin.mtime_ns)
            if same and not strict:
                return True
            if _sha256(raw) != origin.sha256:
                return False
    except OSError as error:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{archive.name} can't be read: {_why(error)}") from error
    if not same:
        # Where nothing can be written, it is hashed each time.
        with suppress(OSError):
            origin.model_copy(update={"mtime_ns": stat.st_mtime_ns}).save(folder)
    return True


def _put_in_place(staged: Path, folder: Path, origin: _Origin) -> None:
    """Make `staged` the folder, unless another process was faster: then that one's is as good."""
    there = _origin(folder)
    if there is not None and there.sha256 == origin.sha256:
        return
    aside = _staging(folder)
    try:
        if there is not None:
            with suppress(FileNotFoundError):
                folder.replace(aside)
        staged.replace(folder)
    except OSError:
        there = _origin(folder)
        if there is None or there.sha256 != origin.sha256:
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _staging(folder: Path) -> Path:
    """A new name beside the folder, for this process alone."""
    return folder.with_name(f".{folder.name}.{uuid4().hex}.part")


def _sweep(folder: Path) -> None:
    """Remove what killed processes left beside the folder."""
    for path in folder.parent.glob(f".{escape(folder.name)}.*part"):
        with suppress(OSError):
            # Not of the modification, which an archive may set.
            if path.stat().st_ctime < time.time() - ABANDONED_S:
                shutil.rmtree(path)


def _sha256(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return _sha256(file)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _plain(tar: tarfile.TarFile, name: str, largest: int) -> Iterator[tarfile.TarInfo]:
    left = largest
    for count, member in enumerate(tar):
        path = PurePosixPath(member.name)
        if not (member.isfile() or member.isdir()) or member.issparse() or path.is_absolute() or ".." in path.parts:
            detail = f"{name} can't be unpacked: {member.name} is not a plain file inside it"
            raise BundleError(ErrorCode.BUNDLE_INVALID, detail)
        left -= member.size
        if left < 0 or count >= MOST_FILES:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{name} can't be unpacked: it holds more than a bundle does")
        yield member
