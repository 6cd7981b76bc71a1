"""YouTube-8M's PCAs in both published forms, against the published extractor's arithmetic."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from needledrop.errors import BundleError
from needledrop_models import yt8m_pca
from needledrop_models.yt8m_pca import convert_audio_matrices, read_archive, read_video_matrices
from tests.unit.models.made_up import COMPONENTS, POOL, archive, matrix_data, numbers, pca_arrays, public_files


@pytest.fixture(scope="module")
def tgz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pca") / "yt8m_pca.tgz"
    path.write_bytes(public_files()["yt8m_pca.tgz"])
    return path


def whiten(path: Path, rows: np.ndarray) -> np.ndarray:
    """What the video extractor does with the bundle's file, in its documented words."""
    with np.load(path, allow_pickle=False) as file:
        result: np.ndarray = (rows - file["mean"]) @ file["components"].T / np.sqrt(file["explained_variance"])
    return result


def test_the_archive_is_applied_as_the_published_extractor_applies_it(tgz: Path, tmp_path: Path) -> None:
    read_archive(tgz, tgz.name).save(tmp_path / "pca.npz")
    rows, arrays = np.random.default_rng(0).random((3, POOL)), pca_arrays()
    mean = arrays["mean.npy"][:, 0]
    vectors, values = arrays["eigenvecs.npy"].T[:, :COMPONENTS], arrays["eigenvals.npy"][:COMPONENTS, 0]
    for row, found in zip(rows, whiten(tmp_path / "pca.npz", rows), strict=True):
        wanted = (row - mean).reshape(1, POOL).dot(vectors).reshape(COMPONENTS) / np.sqrt(values + 1e-4)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_matrices_are_applied_as_the_graph_applies_them(tmp_path: Path) -> None:
    for name in ("inception3_mean_matrix_data.pb", "inception3_projection_matrix_data.pb"):
        (tmp_path / name).write_bytes(public_files()[name])
    read = read_video_matrices(*(tmp_path / f"inception3_{part}_matrix_data.pb" for part in ("mean", "projection")))
    read.save(tmp_path / "pca.npz")
    row = np.random.default_rng(0).random(POOL)
    wanted = numbers(COMPONENTS, POOL, 8).astype(float) @ (row[:, None] - numbers(POOL, 1, 7))
    np.testing.assert_allclose(whiten(tmp_path / "pca.npz", row[None])[0], wanted[:, 0], rtol=1e-5, atol=1e-5)


def test_the_audio_matrices_become_audiosets_form(tmp_path: Path) -> None:
    mean, projection = tmp_path / "vggish_mean_matrix_data.pb", tmp_path / "vggish_projection_matrix_data.pb"
    for path in (mean, projection):
        path.write_bytes(public_files()[path.name])
    convert_audio_matrices(mean, projection, tmp_path / "pca.npz")
    with np.load(tmp_path / "pca.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["pca_means"], numbers(128, 1, 5)[:, 0])
        np.testing.assert_array_equal(file["pca_eigen_vectors"], numbers(128, 128, 6))


def test_the_written_pca_carries_no_date_that_would_make_another_feature_space(tgz: Path, tmp_path: Path) -> None:
    read_archive(tgz, tgz.name).save(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        assert {member.date_time for member in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_members_may_be_named_from_the_archives_own_folder(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(archive(pca_arrays(), prefix="./"))
    assert read_archive(tmp_path / "a.tgz", "a.tgz").components.shape == (COMPONENTS, POOL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean.npy": numbers(POOL, 2, 0)}, r"mean\.npy \[2048, 2\]"),
        ({"eigenvals.npy": np.ones((7, 1))}, r"eigenvals\.npy \[7, 1\]"),
        ({"eigenvals.npy": np.full((COMPONENTS, 1), -1.0)}, "negative"),
        ({"eigenvecs.npy": numbers(POOL, COMPONENTS, 0)}, r"eigenvecs\.npy \[2048, 1024\]"),
        ({"mean.npy": np.full((POOL, 1), np.inf)}, "finite"),
        ({"mean.npy": np.array(["a"] * POOL)[:, None]}, "finite"),
        ({"mean.npy": b"text"}, "not a plain array"),
        ({"mean.npy": None}, r"lacks mean\.npy"),
    ],
)
def test_an_archive_of_something_else_is_refused_by_name(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    arrays = {**pca_arrays(), "eigenvecs.npy": np.zeros((COMPONENTS, POOL), np.float32), **change}
    path = tmp_path / "x"
    path.write_bytes(archive({name: array for name, array in arrays.items() if array is not None}))
    with pytest.raises(BundleError, match=message) as caught:
        read_archive(path, "yt8m_pca.tgz")
    assert caught.value.detail.startswith("yt8m_pca.tgz ")


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_pickled_array_is_refused_and_never_run(tmp_path: Path) -> None:
    trap = np.empty((1, 1), object)
    trap[0, 0] = Trap(tmp_path / "ran")
    (tmp_path / "x").write_bytes(archive({"mean.npy": trap}))
    with pytest.raises(BundleError, match="not a plain array"):
        read_archive(tmp_path / "x", "yt8m_pca.tgz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("cut", [0, 5, 1000, -5])
def test_a_truncated_archive_is_refused(tgz: Path, cut: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(tgz.read_bytes()[:cut])
    with pytest.raises(BundleError, match=r"yt8m_pca\.tgz is not a whole tar\.gz archive|lacks"):
        read_archive(tmp_path / "x", "yt8m_pca.tgz")


def test_an_archive_that_leaves_its_folder_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "x").write_bytes(archive({"../mean.npy": numbers(POOL, 1, 0)}))
    with pytest.raises(BundleError, match=r"lacks mean\.npy"):
        read_archive(folder / "x", "yt8m_pca.tgz")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "x"]


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yt8m_pca, "ARCHIVE_LIMIT", 1 << 20)
    (tmp_path / "x").write_bytes(archive({"zeros": bytes(4 << 20), **pca_arrays()}))
    with pytest.raises(BundleError, match="unpacks to more than 1 MiB"):
        read_archive(tmp_path / "x", "yt8m_pca.tgz")


def test_matrices_of_other_shapes_are_refused_by_name(tmp_path: Path) -> None:
    mean, projection = tmp_path / "vggish_mean_matrix_data.pb", tmp_path / "vggish_projection_matrix_data.pb"
    mean.write_bytes(matrix_data(numbers(1, 128, 0)))
    projection.write_bytes(matrix_data(numbers(128, 128, 0)))
    with pytest.raises(BundleError, match=r"vggish_mean_matrix_data\.pb holds a 1 × 128 matrix"):
        convert_audio_matrices(mean, projection, tmp_path / "pca.npz")
