from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

from needledrop.errors import BundleError, ErrorCode, FeatureError
from needledrop_models.video_pca import VideoPca

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
    ("change", "message"),
    [
        ({"mean": np.zeros(5)}, "belong together"),
        ({"components": np.zeros(6)}, "belong together"),
        ({"explained_variance": np.ones(6)}, "belong together"),
        ({"explained_variance": np.array([1.0, 1.0, 1.0, 0.0])}, "variance that is not positive"),
        ({"explained_variance": np.array([1.0, 1.0, 1.0, -1.0])}, "variance that is not positive"),
        ({"explained_variance": np.array([1.0, 1.0, 1.0, np.inf])}, "not finite"),
        ({"mean": np.full(6, np.nan)}, "not finite"),
        ({"components": np.full((4, 6), np.inf)}, "not finite"),
        ({"components": np.array([["a"] * 6] * 4)}, "does not hold"),
        ({"mean": np.array(["a"] * 6)}, "does not hold"),
        ({"mean": np.array([None] * 6)}, "does not hold"),
        ({"components": np.array([{}], dtype=object)}, "does not hold"),
        ({"components": np.ones((0, 6)), "explained_variance": np.ones(0)}, "or none"),
    ],
    ids=[
        "mean of another width",
        "components of one dimension",
        "variance of another length",
        "zero variance",
        "negative variance",
        "infinite variance",
        "nan mean",
        "infinite components",
        "text components",
        "text mean",
        "pickled mean",
        "pickled components",
        "empty",
    ],
)
def test_a_malformed_pca_is_a_bundle_error(
    tmp_path: Path, change: dict[str, npt.NDArray[np.generic]], message: str
) -> None:
    fields: dict[str, npt.NDArray[np.generic]] = {**GOOD, **change}
    np.savez(
        tmp_path / "pca.npz",
        mean=fields["mean"],
        components=fields["components"],
        explained_variance=fields["explained_variance"],
    )
    with pytest.raises(BundleError, match=rf"pca\.npz .*{message}") as caught:
        VideoPca.load(tmp_path / "pca.npz")
    assert caught.value.code is ErrorCode.BUNDLE_INVALID


@pytest.mark.parametrize("data", [b"", b"PK\3\4 and no more", b"\x80\x04K\x01.", None])
def test_a_file_that_is_no_pca_is_a_bundle_error(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "pca.npz").write_bytes(data)
    with pytest.raises(BundleError, match=r"pca\.npz"):
        VideoPca.load(tmp_path / "pca.npz")


@pytest.mark.parametrize("missing", list(GOOD))
def test_a_missing_field_is_a_bundle_error(missing: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "pca.npz", **{field: array for field, array in GOOD.items() if field != missing})  # type: ignore[arg-type]
    with pytest.raises(BundleError, match="does not hold mean, components, explained_variance"):
        VideoPca.load(tmp_path / "pca.npz")


def test_an_array_in_place_of_an_archive_is_a_bundle_error(tmp_path: Path) -> None:
    np.save(tmp_path / "pca.npy", GOOD["components"])
    with pytest.raises(BundleError, match=r"pca\.npy"):
        VideoPca.load(tmp_path / "pca.npy")


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(FeatureError, match="takes rows of 6 columns, these have 5") as caught:
        VideoPca(**GOOD).codes(np.zeros((2, 5)))
    assert caught.value.code is ErrorCode.FEATURES_INVALID


def test_a_written_file_is_whole_in_a_folder_that_it_makes_and_the_same_for_the_same_pca(tmp_path: Path) -> None:
    first, second = tmp_path / "new" / "pca.npz", tmp_path / "second.npz"
    VideoPca(**GOOD).save(first)
    VideoPca(**GOOD).save(second)
    assert [path.name for path in first.parent.iterdir()] == ["pca.npz"]
    assert first.read_bytes() == second.read_bytes()
