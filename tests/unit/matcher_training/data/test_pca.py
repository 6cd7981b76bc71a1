from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA
from typer.testing import CliRunner

from matcher_training.cli import app
from matcher_training.data.pca import fit_pca, raw_files
from needledrop.errors import FeatureError
from needledrop_models.video_pca import VideoPca


def raw(folder: Path, lengths: list[int], columns: int = 20) -> npt.NDArray[np.float16]:
    """Files of rows whose columns are mixed and differ in variance; all rows in the files' order."""
    rng = np.random.default_rng(0)
    mixed = (
        rng.standard_normal((sum(lengths), columns))
        * np.linspace(3, 0.3, columns)
        @ rng.standard_normal((columns, columns))
    )
    rows = (mixed + rng.standard_normal(columns)).astype(np.float16)
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(np.split(rows, np.cumsum(lengths)[:-1])):
        np.save(folder / f"{number:03}.raw.npy", part)
    return rows


@pytest.mark.parametrize("lengths", [[400], [7] * 60, [1, 250, 3, 146], [64, 64, 1]])
def test_a_streamed_fit_is_close_to_a_fit_of_all_rows_at_once(tmp_path: Path, lengths: list[int]) -> None:
    rows = raw(tmp_path, lengths).astype(np.float64)

    fitted, count = fit_pca(raw_files([tmp_path]), components=20, batch=32)

    whole = PCA(20, svd_solver="full").fit(rows)
    assert count == len(rows)
    np.testing.assert_allclose(fitted.mean, whole.mean_, atol=1e-4)
    np.testing.assert_allclose(fitted.explained_variance, whole.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(np.abs(np.sum(fitted.components * whole.components_, axis=1)), 1, atol=1e-3)


def test_its_file_gives_the_same_codes_as_the_fit(tmp_path: Path) -> None:
    rows = raw(tmp_path, [300])
    fitted, _ = fit_pca(raw_files([tmp_path]), components=8)
    fitted.save(tmp_path / "new" / "pca.npz")

    codes = VideoPca.load(tmp_path / "new" / "pca.npz").codes(rows)

    assert codes.shape == (300, 8)
    np.testing.assert_array_equal(codes, fitted.codes(rows))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["pca.npz"]


def test_whitened_rows_have_unit_variance(tmp_path: Path) -> None:
    rows = raw(tmp_path, [3000]).astype(np.float64)
    fitted, _ = fit_pca(raw_files([tmp_path]), components=8)

    white = (rows - fitted.mean) @ fitted.components.T / np.sqrt(fitted.explained_variance)

    np.testing.assert_allclose(np.cov(white.T), np.eye(8), atol=0.05)


@pytest.mark.parametrize("count", [1, 5, 8])
def test_fewer_rows_than_a_pca_takes_are_refused_with_both_counts(tmp_path: Path, count: int) -> None:
    raw(tmp_path, [count])
    with pytest.raises(FeatureError, match=f"^features_invalid: {count} rows are too few for 8 components"):
        fit_pca(raw_files([tmp_path]), components=8)


def test_rows_that_hardly_vary_are_refused(tmp_path: Path) -> None:
    rows = raw(tmp_path, [100])
    np.save(tmp_path / "000.raw.npy", np.repeat(rows[:4], 25, axis=0))
    with pytest.raises(FeatureError, match="vary in 3 directions only"):
        fit_pca(raw_files([tmp_path]), components=8)
    np.save(tmp_path / "000.raw.npy", np.ones((100, 20), np.float16))
    with pytest.raises(FeatureError, match="vary in 0 directions only"):
        fit_pca(raw_files([tmp_path]), components=8)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\x93NUMPY\x01\x00",
        np.zeros((5, 20), np.uint8),
        np.zeros((5, 19), np.float16),
        np.zeros(20, np.float16),
        np.full((5, 20), np.inf, np.float16),
        np.array([[{}]], dtype=object),
    ],
    ids=str,
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, bad: bytes | npt.NDArray[np.generic]) -> None:
    raw(tmp_path, [50, 50])
    if isinstance(bad, bytes):
        (tmp_path / "001.raw.npy").write_bytes(bad)
    else:
        np.save(tmp_path / "001.raw.npy", bad, allow_pickle=True)
    with pytest.raises(FeatureError, match=r"001\.raw\.npy"):
        fit_pca(raw_files([tmp_path]), components=4)


def test_the_command_fits_and_writes(tmp_path: Path) -> None:
    raw(tmp_path / "raw" / "deeper", [40, 60])
    arguments = ["pca", "--data", str(tmp_path / "raw"), "--out", str(tmp_path / "pca.npz")]

    done = CliRunner().invoke(app, [*arguments, "--components", "8"])
    few = CliRunner().invoke(app, [*arguments, "--components", "1024"])
    none = CliRunner().invoke(app, ["pca", "--data", str(tmp_path / "nothing"), "--out", str(tmp_path / "x.npz")])

    assert (done.exit_code, done.stdout) == (0, "pca.npz: 100 rows of 2 files, 20 → 8 columns\n")
    assert VideoPca.load(tmp_path / "pca.npz").components.shape == (8, 20)
    assert (few.exit_code, "1,024 components can't be had from rows of 20 columns" in few.stderr) == (1, True)
    assert (none.exit_code, "nothing is missing" in none.stderr) == (1, True)
