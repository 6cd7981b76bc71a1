"""Feature spaces, the quantiser, and feature matrices on disk.

A feature matrix is `uint8 [T, D]`, one row a hop. It is comparable only with matrices of the same feature space.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from needledrop.arrays import array_from_bytes
from needledrop.errors import ErrorCode, FeatureError

FloatArray = npt.NDArray[np.floating[Any]]
Codes = npt.NDArray[np.uint8]

QUANTISER = "clip2-uint8"
CLIP = 2.0


class Modality(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True)
class FeatureSpace:
    """All that decides what a feature matrix's numbers mean.

    `hop_s` is the time between rows in seconds, `dim` the number of columns. `preprocessing` names what happens between
    the decoded signal and the backbone, and which of the backbone's outputs is taken.
    """

    modality: Modality
    backbone: str
    weights_sha256: str
    preprocessing: str
    pca_sha256: str
    hop_s: float
    dim: int
    quantiser: str = QUANTISER

    @property
    def id(self) -> str:
        """Short stable id, `audio-` or `video-` and twelve hex digits of a SHA-256 over every field."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return f"{self.modality}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


def quantise(values: FloatArray) -> Codes:
    """Clip to ±2 and map to 0…255 by truncation, as AudioSet's VGGish postprocessor does."""
    clipped = np.clip(values, -CLIP, CLIP)
    return ((clipped + CLIP) * (255.0 / (2 * CLIP))).astype(np.uint8)


def dequantise(codes: Codes) -> npt.NDArray[np.float32]:
    """float32 of the same shape, each code at the middle of its bin as in YouTube-8M: `x·4/255 + 4/512 − 2`."""
    return (codes.astype(np.float32) * (2 * CLIP / 255.0) + (2 * CLIP / 512.0 - CLIP)).astype(np.float32)


def matrix_to_bytes(matrix: Codes) -> bytes:
    """The `.npy` file's bytes for a `uint8 [T, D]` matrix."""
    check_matrix(matrix)
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(matrix), allow_pickle=False)
    return buffer.getvalue()


def matrix_from_bytes(data: bytes, dim: int | None = None) -> Codes:
    """Read a `.npy` file's bytes; `FeatureError` unless it is a `uint8 [T ≥ 1, dim]` matrix. Never unpickles."""
    try:
        matrix = array_from_bytes(data)
    except (ValueError, EOFError, OSError) as error:
        raise FeatureError(ErrorCode.FEATURES_INVALID, "the feature file is not a .npy array") from error
    return check_matrix(matrix, dim)


def check_matrix(matrix: npt.NDArray[Any], dim: int | None = None) -> Codes:
    """The matrix itself, or `FeatureError` unless it is `uint8 [T ≥ 1, D]` with D = `dim` where given."""
    if matrix.dtype != np.uint8 or matrix.ndim != 2 or min(matrix.shape) < 1:
        raise FeatureError(
            ErrorCode.FEATURES_INVALID,
            f"a feature matrix is uint8 [T, D] with T ≥ 1, this is {matrix.dtype} {list(matrix.shape)}",
        )
    if dim is not None and matrix.shape[1] != dim:
        raise FeatureError(ErrorCode.FEATURES_INVALID, f"{dim} columns expected, {matrix.shape[1]} found")
    return matrix


def require_space(found: str, wanted: str) -> None:
    """`FeatureError(space_mismatch)` unless the two feature-space ids are the same."""
    if found != wanted:
        raise FeatureError(
            ErrorCode.SPACE_MISMATCH, f"the features are of space {found}, the model in use was trained on {wanted}"
        )
