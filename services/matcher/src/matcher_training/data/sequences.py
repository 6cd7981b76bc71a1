"""Sequences of feature rows of one side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from needledrop.errors import ErrorCode, FeatureError

Indices = npt.NDArray[np.int64]
Rows = npt.NDArray[Any]
ROW_DTYPES = (np.dtype(np.uint8), np.dtype(np.float16), np.dtype(np.float32))


@dataclass(frozen=True)
class Sequences:
    """N sequences of one side, one row every `hop_s` seconds.

    `codes`: [sum of T, D], quantised uint8, or float16 or float32 values as they are; it may be memory-mapped. Sequence
    i is its rows offsets[i]…offsets[i + 1], and belongs to pair `pair[i]`. `space`: the feature space's id where known.
    """

    codes: Rows
    offsets: Indices
    pair: Indices
    hop_s: float
    space: str | None = None

    def __len__(self) -> int:
        return len(self.pair)

    def __getitem__(self, index: int) -> Rows:
        """[T, D] of one sequence, as stored."""
        return self.codes[self.offsets[index] : self.offsets[index + 1]]

    @property
    def dim(self) -> int:
        return int(self.codes.shape[1])

    @property
    def lengths(self) -> Indices:
        """int64 [N]: how many rows each sequence has."""
        return np.diff(self.offsets)

    @classmethod
    def read(cls, path: Path, dim: int | None = None) -> Self:
        """From an `.npz` with `codes`, `offsets`, `pair` and `hop_s`; `FeatureError` where it is malformed."""
        try:
            with np.load(path, allow_pickle=False) as file:
                codes, offsets, pair, hop_s = (file[key] for key in ("codes", "offsets", "pair", "hop_s"))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise invalid(f"{path.name} is not an .npz of training sequences") from error
        check_rows(codes, path.name, dim)
        if offsets.ndim != 1 or pair.ndim != 1 or len(offsets) != len(pair) + 1:
            raise invalid(f"{path.name}: offsets must be one longer than pair")
        if offsets[0] != 0 or offsets[-1] != len(codes) or (np.diff(offsets) < 1).any():
            raise invalid(f"{path.name}: offsets must rise from 0 to the number of rows")
        if len(np.unique(pair)) != len(pair):
            raise invalid(f"{path.name}: a pair occurs twice")
        if hop_s.ndim != 0 or not hop_s > 0:
            raise invalid(f"{path.name}: hop_s must be one positive number")
        return cls(codes, offsets.astype(np.int64), pair.astype(np.int64), float(hop_s))


def check_rows(rows: npt.NDArray[Any], name: str, dim: int | None = None) -> Rows:
    """The rows themselves; `FeatureError` naming `name` unless [T ≥ 1, D] of uint8, float16 or float32, all finite."""
    if rows.dtype not in ROW_DTYPES or rows.ndim != 2 or min(rows.shape) < 1:
        raise invalid(
            f"{name}: features are [T, D] with T ≥ 1 of uint8, float16 or float32, "
            f"this is {rows.dtype} {list(rows.shape)}"
        )
    if dim is not None and rows.shape[1] != dim:
        raise invalid(f"{name}: {dim} columns expected, {rows.shape[1]} found")
    if rows.dtype != np.uint8 and not np.isfinite(rows).all():
        raise invalid(f"{name} holds values that are not finite numbers")
    return rows


def invalid(detail: str) -> FeatureError:
    """The error for data that is malformed."""
    return FeatureError(ErrorCode.FEATURES_INVALID, detail)
