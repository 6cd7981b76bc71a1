"""What the reference extractor answered for the signals, and the stand-in weights and PCA it was given."""

import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_extractor.pca import Pca

SEED = 20240229
DATA = Path(__file__).resolve().parent / "data"


@cache
def expected() -> dict[str, npt.NDArray[Any]]:
    """Arrays by `SIGNAL/log_mel`, `SIGNAL/embedding` (float32), `SIGNAL/afeat` (uint8, 120 rows at most)."""
    with np.load(DATA / "audio_vggish_expected.npz") as file:
        return dict(file)


def reference_pca() -> Pca:
    """Orthonormal rows scaled like a whitening."""
    generator = np.random.default_rng([SEED, zlib.crc32(b"vggish_pca_params")])
    basis, _ = np.linalg.qr(generator.standard_normal((128, 128)))
    vectors = np.linspace(0.5, 0.1, 128)[:, None] * basis
    means = 1.6 + 0.3 * generator.standard_normal(128)
    return Pca(vectors.astype(np.float32), means.astype(np.float32))


def assert_codes_match(codes: npt.NDArray[np.uint8], wanted: npt.NDArray[np.uint8]) -> None:
    """At least 99 in 100 equal, the others off by one."""
    assert codes.dtype == np.uint8
    assert codes.shape == wanted.shape
    difference = np.abs(codes.astype(int) - wanted.astype(int))
    assert difference.max(initial=0) <= 1
    assert (difference == 0).mean() >= 0.99
