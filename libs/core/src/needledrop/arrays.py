"""NumPy's files of strangers: nothing is unpickled, and no more memory is taken than there are bytes."""

import io
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

LARGEST = 256 << 20
"""Bytes of one array in an `.npz`. A PCA of 2,048 columns in double precision takes 32 MiB."""


def array_from_bytes(data: bytes) -> npt.NDArray[Any]:
    """A `.npy` file's array; `ValueError` where it is malformed, holds objects, or its header promises more or less."""
    file = io.BytesIO(data)
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("the array holds objects")
    if len(data) - file.tell() != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"the header promises {list(shape)} of {dtype}, which is not what follows")
    file.seek(0)
    return np.asarray(npy.read_array(file, allow_pickle=False))


def arrays_from_npz(path: Path, names: Iterable[str], largest: int = LARGEST) -> dict[str, npt.NDArray[Any]]:
    """Those arrays of an `.npz`; `ValueError`, `KeyError`, `BadZipFile` where one is malformed, absent or too large."""
    with zipfile.ZipFile(path) as archive:
        return {name: array_from_bytes(_member(archive, f"{name}.npy", largest)) for name in names}


def _member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    with archive.open(name) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"{name} is larger than {largest} bytes")
    return data
