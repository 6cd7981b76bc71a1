"""The published check of YouTube-8M's PCA, on PCAs that do and don't give the published numbers."""

from pathlib import Path

import numpy as np
import pytest

from needledrop.errors import BundleError
from needledrop_models.published import FRAME, check_archive, difference
from needledrop_models.video_pca import VideoPca
from tests.unit.models.made_up import COMPONENTS, POOL, archive, pca_arrays


def giving_the_published_numbers() -> dict[str, np.ndarray]:
    """A made-up PCA, its first column turned so that the published frame gets the published numbers."""
    with np.load(FRAME, allow_pickle=False) as file:
        pool, whitened = file["pool"].astype(float), file["whitened"].astype(float)
    arrays = {name: array.astype(float) for name, array in pca_arrays().items()}
    vectors, centred = arrays["eigenvecs.npy"], pool - arrays["mean.npy"][:, 0]
    vectors[:COMPONENTS, 0] = 0
    wanted = whitened * np.sqrt(arrays["eigenvals.npy"][:COMPONENTS, 0] + 1e-4)
    vectors[:COMPONENTS, 0] = (wanted - vectors[:COMPONENTS] @ centred) / centred[0]
    return arrays


def test_a_pca_that_gives_the_published_numbers_passes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(archive(giving_the_published_numbers()))
    check_archive(tmp_path / "x", "yt8m_pca.tgz")


@pytest.mark.parametrize("change", ["mean", "order", "epsilon"])
def test_one_that_is_a_little_different_is_refused_by_name(change: str, tmp_path: Path) -> None:
    arrays = giving_the_published_numbers()
    if change == "mean":
        arrays["mean.npy"] = arrays["mean.npy"] * 1.01
    elif change == "order":
        arrays["eigenvecs.npy"] = arrays["eigenvecs.npy"][::-1]
    else:
        arrays["eigenvals.npy"] = arrays["eigenvals.npy"] + 0.01
    (tmp_path / "x").write_bytes(archive(arrays))
    with pytest.raises(BundleError, match=r"yt8m_pca\.tgz is not YouTube-8M's PCA"):
        check_archive(tmp_path / "x", "yt8m_pca.tgz")


def test_the_measure_is_the_published_tests() -> None:
    with np.load(FRAME, allow_pickle=False) as file:
        pool, whitened = file["pool"], file["whitened"]
    assert (pool.shape, whitened.shape) == ((POOL,), (COMPONENTS,))
    pca = VideoPca(np.zeros(POOL), np.eye(COMPONENTS, POOL), np.ones(COMPONENTS))
    terms = [
        abs(a - b) / (0.01 + max(abs(a), abs(b)))
        for a, b in zip(pool[:COMPONENTS].tolist(), whitened.tolist(), strict=True)
    ]
    assert difference(pca) == pytest.approx(sum(terms) / COMPONENTS)
