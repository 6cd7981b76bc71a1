from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

from needledrop.errors import BundleError
from needledrop.video_pca import VideoPca

ROWS = np.random.default_rng(0).normal(size=(50, 6)) * [5, 3, 2, 1, 0.5, 0.1] + 7
GOOD: dict[str, npt.NDArray[np.float64]] = {
    "mean": np.zeros(6),
    "components": np.eye(6)[:4],
    "explained_variance": np.ones(4),
}


def test_whitening_is_scikit_learns() -> None:
    fitted = PCA(4, whiten=True).fit(ROWS)
    pca = VideoPca(fitted.mean_, fitted.components_, fitted.explained_variance_)
    np.testing.assert_allclose(pca.whiten(ROWS), fitted.transform(ROWS), atol=1e-10)


def test_codes_follow_the_published_formula_number_by_number() -> None:
    pca = VideoPca(np.full(6, 7.0), np.eye(6)[:4], np.array([4.0, 9.0, 0.01, 1.0]))
    codes = pca.codes(ROWS)
    assert codes.dtype == np.uint8
    for t, d in np.ndindex(50, 4):
        value = float(ROWS[t, d] - 7) / [2, 3, 0.1, 1][d]
        assert codes[t, d] == int((max(-2.0, min(2.0, value)) + 2) * 255 / 4)


def test_a_saved_pca_is_read_back(tmp_path: Path) -> None:
    pca = VideoPca(GOOD["mean"] + 0.5, GOOD["components"], GOOD["explained_variance"] * 0.25)
    pca.save(tmp_path / "pca.npz")
    read = VideoPca.load(tmp_path / "pca.npz")
    for field in ("mean", "components", "explained_variance"):
        np.testing.assert_array_equal(getattr(read, field), getattr(pca, field))


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.zeros(5)},
        {"components": np.zeros(6)},
        {"explained_variance": np.ones(6)},
        {"explained_variance": np.array([1.0, 1.0, 1.0, 0.0])},
        {"mean": np.full(6, np.nan)},
        {"components": np.array([["a"] * 6] * 4)},
        {"mean": np.array([None] * 6)},
    ],
    ids=["mean", "components", "variance", "zero", "nan", "text", "objects"],
)
def test_a_malformed_pca_is_a_bundle_error(tmp_path: Path, change: dict[str, npt.NDArray[np.float64]]) -> None:
    fields = GOOD | change
    np.savez(
        tmp_path / "pca.npz",
        mean=fields["mean"],
        components=fields["components"],
        explained_variance=fields["explained_variance"],
    )
    with pytest.raises(BundleError, match=r"pca\.npz"):
        VideoPca.load(tmp_path / "pca.npz")


@pytest.mark.parametrize("data", [b"", b"PK\3\4 and no more", b"\x80\x04K\x01.", None])
def test_a_file_that_is_no_pca_is_a_bundle_error(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "pca.npz").write_bytes(data)
    with pytest.raises(BundleError, match=r"pca\.npz"):
        VideoPca.load(tmp_path / "pca.npz")


def test_a_missing_field_is_a_bundle_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "pca.npz", mean=GOOD["mean"], components=GOOD["components"])
    with pytest.raises(BundleError, match="explained_variance"):
        VideoPca.load(tmp_path / "pca.npz")


def test_an_array_in_place_of_an_archive_is_a_bundle_error(tmp_path: Path) -> None:
    np.save(tmp_path / "pca.npy", GOOD["components"])
    with pytest.raises(BundleError, match=r"pca\.npy"):
        VideoPca.load(tmp_path / "pca.npy")
