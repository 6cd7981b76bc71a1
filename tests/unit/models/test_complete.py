"""Adding a user's own PCA and metric to a bundle."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from needledrop.bundle import Bundle
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop_models.catalog import Space
from needledrop_models.complete import complete
from tests.unit.models.fetching import Fetching, write_metric, write_pca


@pytest.fixture
def seed(fetching: Fetching) -> Path:
    """A bundle of the `seed` space, as it was fetched."""
    assert fetching(Space.SEED).failures == []
    return fetching.out


def test_a_pca_makes_the_video_side_whole_and_gives_it_a_space(seed: Path, tmp_path: Path) -> None:
    bundle = complete(seed, write_pca(tmp_path / "pca.npz"), None)
    assert bundle.video.dim == 4
    assert bundle.space(Modality.VIDEO).dim == 4
    assert bundle.pca(Modality.VIDEO).read_bytes() == (tmp_path / "pca.npz").read_bytes()


def test_a_metric_is_taken_with_the_spaces_that_the_bundle_has(seed: Path, tmp_path: Path) -> None:
    metric = write_metric(tmp_path / "mine", audio_hop_s=0.96, video_dim=4)
    bundle = complete(seed, write_pca(tmp_path / "pca.npz"), metric)
    assert bundle.metric.audio_space == bundle.space(Modality.AUDIO).id
    assert bundle.file(bundle.metric.weights).read_bytes() == (metric / "metric.safetensors").read_bytes()


def test_another_pca_takes_the_metric_of_the_old_one_out(seed: Path, tmp_path: Path) -> None:
    first = write_pca(tmp_path / "pca.npz")
    complete(seed, first, write_metric(tmp_path / "mine", audio_hop_s=0.96, video_dim=4))
    assert complete(seed, first, None).manifest.metric is not None
    assert complete(seed, write_pca(tmp_path / "other.npz", seed=1), None).manifest.metric is None


def test_a_metric_for_features_of_another_width_is_refused_and_nothing_changes(seed: Path, tmp_path: Path) -> None:
    complete(seed, write_pca(tmp_path / "pca.npz"), None)
    before = (seed / "bundle.json").read_bytes()
    with pytest.raises(BundleError, match=r"video rows of 1024 columns every 1\.0 s, the bundle gives 4") as caught:
        complete(seed, None, write_metric(tmp_path / "mine", audio_hop_s=0.96))
    assert caught.value.code is ErrorCode.SPACE_MISMATCH
    assert (seed / "bundle.json").read_bytes() == before


def test_a_metric_before_the_pca_is_refused(seed: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="video side has no PCA yet"):
        complete(seed, None, write_metric(tmp_path / "mine", audio_hop_s=0.96, video_dim=2048))


@pytest.mark.parametrize("columns", [2047, 128])
def test_a_pca_for_other_rows_is_refused(columns: int, seed: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=f"takes {columns} columns, the backbone gives 2048"):
        complete(seed, write_pca(tmp_path / "pca.npz", columns=columns), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"explained_variance": np.array([1, 1, 1, 0])}, "variance that is not positive"),
        ({"components": np.full((4, 2048), "x")}, "does not hold"),
    ],
    ids=["zero variance", "text"],
)
def test_a_pca_that_the_extractor_would_refuse_is_refused(
    change: dict[str, Any], message: str, seed: Path, tmp_path: Path
) -> None:
    arrays = {"mean": np.ones(2048), "components": np.ones((4, 2048)), "explained_variance": np.ones(4), **change}
    np.savez(tmp_path / "pca.npz", **arrays)
    with pytest.raises(BundleError, match=message):
        complete(seed, tmp_path / "pca.npz", None)
    assert Bundle.load(seed).video.pca is None


def test_the_bundles_own_pca_may_be_named(seed: Path, tmp_path: Path) -> None:
    bundle = complete(seed, write_pca(tmp_path / "pca.npz"), None)
    assert complete(seed, bundle.pca(Modality.VIDEO), None).manifest == bundle.manifest


def test_a_pickled_or_malformed_pca_is_refused(seed: Path, tmp_path: Path) -> None:
    path = tmp_path / "pca.npz"
    pickled = np.array([None] * 4)
    np.savez(path, mean=pickled, components=pickled, explained_variance=pickled)
    with pytest.raises(BundleError, match=r"pca\.npz does not hold"):
        complete(seed, path, None)
    path.write_bytes(b"no archive")
    with pytest.raises(BundleError, match=r"pca\.npz does not hold"):
        complete(seed, path, None)
    np.savez(path, mean=np.ones(4), components=np.ones((2, 3)), explained_variance=np.ones(2))
    with pytest.raises(BundleError, match="belong together"):
        complete(seed, path, None)
    assert Bundle.load(seed).video.pca is None
