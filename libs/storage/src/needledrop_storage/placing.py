"""Placing files in a folder for good: all of a file or nothing, and still there after the power fails."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

PART = "part-"
"""How the names of unfinished files begin."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Full disk, full quota, larger than a file may be."""


def has_no_room(error: OSError) -> bool:
    return error.errno in NO_ROOM


def place_bytes(target: Path, data: bytes, staging: Path) -> None:
    """Write `data` under `target`. `staging`: a folder of the same file system, where unfinished files lie."""
    with _unfinished(staging) as path:
        with path.open("xb") as file:
            file.write(data)
        _settle(path, target)


def place_copy(target: Path, source: Path, staging: Path) -> None:
    """Copy `source` to `target`."""
    with _unfinished(staging) as path:
        shutil.copyfile(source, path)
        _settle(path, target)


def place_file(target: Path, source: Path, staging: Path) -> None:
    """Make `source` itself the target: renamed, or copied and removed where it lies on another file system."""
    try:
        _settle(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        place_copy(target, source, staging)
        source.unlink(missing_ok=True)


@contextmanager
def _unfinished(staging: Path) -> Iterator[Path]:
    """A name for a file that is removed unless it was renamed."""
    staging.mkdir(parents=True, exist_ok=True)
    path = staging / f"{PART}{uuid4().hex}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _settle(path: Path, target: Path) -> None:
    """Bytes to the disk first, then the name, then the folders that hold it: a name never stands for less than all."""
    _sync(path)
    made = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    for folder in [target.parent, *(new.parent for new in made)]:
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
