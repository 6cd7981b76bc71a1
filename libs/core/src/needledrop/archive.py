"""Bundles as one file: pack a folder into a `.tar.zst`, and unpack one beside itself."""

import tarfile
from pathlib import Path

import zstandard

from needledrop.bundle import MANIFEST, Bundle
from needledrop.errors import BundleError, ErrorCode

SUFFIX = ".tar.zst"


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


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into `folder`, `bundle.json` last; links, devices and paths that leave the folder are refused."""
    staged = folder.with_name(f".{folder.name}.part")
    staged.mkdir(parents=True, exist_ok=True)
    try:
        with (
            archive.open("rb") as raw,
            zstandard.ZstdDecompressor().stream_reader(raw) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            tar.extractall(staged, filter="data")
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{archive.name} can't be unpacked: {error}") from error
    Bundle.load(staged).verify()
    staged.replace(folder)
