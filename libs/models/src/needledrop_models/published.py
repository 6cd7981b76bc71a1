"""The one published check of YouTube-8M's PCA of pictures: it stands in for a hash, which nobody published.

google/youtube-8m, feature_extractor/feature_extractor_test.py: a frame's 2,048 numbers before the PCA, and the 1,024
after it. Its numbers lie beside this file, read out of `testdata/sports1m_frame.pkl` without unpickling it.
"""

from pathlib import Path

import numpy as np

from needledrop.errors import BundleError, ErrorCode
from needledrop_models.video_pca import VideoPca
from needledrop_models.yt8m_pca import read_archive

FRAME = Path(__file__).with_name("published_frame.npz")
# The published test asks for 1e-5 of double precision; the numbers here are single. Another PCA is off by about 1.
TOLERANCE = 1e-3


def check_archive(path: Path, name: str) -> None:
    """`BundleError` with the file's name unless the archive's PCA makes of the published frame what is published."""
    off = difference(read_archive(path, name))
    if off > TOLERANCE:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID,
            f"{name} is not YouTube-8M's PCA: its numbers for the published frame are {off:.2g} off on average, "
            f"at most {TOLERANCE:g} was expected",
        )


def difference(pca: VideoPca) -> float:
    """The published test's measure: the mean of |a − b| / (0.01 + max(|a|, |b|)) over the 1,024 numbers."""
    with np.load(FRAME, allow_pickle=False) as file:
        pool, expected = file["pool"].astype(np.float64), file["whitened"].astype(np.float64)
    (found,) = pca.whiten(pool[np.newaxis])
    larger = np.maximum(np.abs(found), np.abs(expected))
    return float((np.abs(found - expected) / (0.01 + larger)).mean())
