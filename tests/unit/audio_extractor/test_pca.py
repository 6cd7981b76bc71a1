"""VGGish's PCA against the official postprocessor and against scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import decomposition

from audio_extractor.pca import Pca
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import quantise
from tests.audio_reference import assert_codes_match, expected, reference_pca
from tests.shared import require_shared

GOOD = {"pca_eigen_vectors": np.eye(128, dtype=np.float32), "pca_means": np.zeros(128, np.float32)}


def test_the_official_pca_gives_the_official_codes() -> None:
    reference = require_shared() / "reference"
    embedding = np.load(reference / "real_vggish_embedding.npy", allow_pickle=False)
    codes = quantise(Pca.load(reference / "real_vggish_pca_params.npz").apply(embedding))
    assert_codes_match(codes, np.load(reference / "real_vggish_afeat.npy", allow_pickle=False))


@pytest.mark.parametrize("name", ["chord_16k_mono_5s5", "chirp_beat_48k_stereo_10s", "long_16k_mono_125s"])
def test_codes_of_the_references_embeddings_are_the_references(name: str) -> None:
    codes = quantise(reference_pca().apply(expected()[f"{name}/embedding"]))
    assert_codes_match(codes[:120], expected()[f"{name}/afeat"])


def test_a_fit_without_a_floor_is_scikit_learns_whitening() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((500, 128)) @ generator.standard_normal((128, 128)) + 3
    wanted = decomposition.PCA(whiten=True, svd_solver="full").fit(x).transform(x)
    found = Pca.fit(x, floor=0.0).apply(x)
    signs = np.sign((wanted * found).sum(axis=0))
    np.testing.assert_allclose(found * signs, wanted, atol=1e-3)


def test_directions_without_variance_are_not_blown_up() -> None:
    x = np.random.default_rng(0).standard_normal((60, 128))
    x[:, 100:] = 0.0
    x[:, 50:100] *= 1e-4
    components = Pca.fit(x, floor=1e-2).apply(x)
    assert np.isfinite(components).all()
    assert components[:, 0].std() == pytest.approx(1, abs=0.05)
    assert components[:, 60:].std(axis=0).max() < 0.01


def test_a_fit_does_not_depend_on_the_order_of_its_rows() -> None:
    x = np.random.default_rng(0).standard_normal((300, 128)) * np.linspace(3, 1, 128)
    first, second = Pca.fit(x, floor=0.01), Pca.fit(x[::-1], floor=0.01)
    np.testing.assert_allclose(first.vectors, second.vectors, atol=1e-4)


def test_means_may_be_a_column_and_a_saved_pca_is_the_same_again(tmp_path: Path) -> None:
    pca = reference_pca()
    np.savez(tmp_path / "column.npz", pca_eigen_vectors=pca.vectors, pca_means=pca.means[:, None])
    pca.save(tmp_path / "saved.npz")
    for name in ("column.npz", "saved.npz"):
        loaded = Pca.load(tmp_path / name)
        np.testing.assert_array_equal(loaded.vectors, pca.vectors)
        np.testing.assert_array_equal(loaded.means, pca.means)


@pytest.mark.parametrize(
    "changed",
    [
        {"pca_eigen_vectors": np.eye(64, dtype=np.float32)},
        {"pca_means": np.zeros(64, np.float32)},
        {"pca_means": np.full(128, np.nan, np.float32)},
        {"pca_means": np.full(128, "a")},
        {"pca_means": np.array([None] * 128)},
        {"pca_means": None},
    ],
)
def test_a_malformed_file_is_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    arrays = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BundleError) as caught:
        Pca.load(tmp_path / "x.npz")
    assert caught.value.code is ErrorCode.BUNDLE_INVALID


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00", b"text"])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"x\.npz is not VGGish's PCA file"):
        Pca.load(path)


def test_a_bare_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(128))
    with pytest.raises(BundleError, match="is not VGGish's PCA file"):
        Pca.load(tmp_path / "x.npy")
