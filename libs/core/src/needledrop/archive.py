"""Bundles as one file: pack a folder into a `.tar.zst`, and unpack one beside itself."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import zstandard

from needledrop.bundle import MANIFEST, Bundle
from needledrop.errors import BundleError, ErrorCode

SUFFIX = ".tar.zst"
LARGEST = 8 << 30
MOST_FILES = 10_000
"""Far more than any bundle holds; less than would fill a disk."""


def open_bundle(path: Path) -> Bundle:
    """The bundle at a path: a folder, or a `.tar.zst` that is unpacked once, beside itself."""
    if not path.name.endswith(SUFFIX):
        return Bundle.load(path)
    folder = path.with_name(path.name.removesuffix(SUFFIX))
    if not (folder / MANIFEST).is_file():
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

    Links, devices, paths that lead out, and more than `largest` bytes in all are refused before they are written.
    """
    staged = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        with (
            archive.open("rb") as raw,
            zstandard.ZstdDecompressor().stream_reader(raw) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            tar.extractall(staged, members=_plain(tar, archive.name, largest), filter="data")
        Bundle.load(staged).verify()
        staged.replace(folder)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, OSError, ValueError) as error:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{archive.name} can't be unpacked: {error}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


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
