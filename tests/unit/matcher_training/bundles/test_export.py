"""A metric's way into a bundle."""

from pathlib import Path

import pytest
from safetensors.torch import save_file
from tests import made_up
from tests.metric_reference import VA_METRIC_SHAPES, reference_state_dict

from matcher_training.bundles.export import export_metric
from matcher_training.bundles.loading import load_embedder
from needledrop.bundle import FileRef
from needledrop.errors import BundleError, ErrorCode
from needledrop.metric import WEIGHTS, MetricCard, MetricSide
from needledrop_models.archive import open_bundle


def metric(folder: Path, video_dim: int = 1024, audio_hop_s: float = 0.96, space: str | None = None) -> Path:
    folder.mkdir()
    save_file(reference_state_dict(VA_METRIC_SHAPES, "VAMetric"), folder / WEIGHTS)
    MetricCard(
        name="trained",
        kind="va_metric",
        weights=FileRef.of(folder, WEIGHTS),
        config=dict(made_up.CONFIG),
        audio=MetricSide(dim=128, hop_s=audio_hop_s, space=space),
        video=MetricSide(dim=video_dim, hop_s=1.0),
    ).save(folder)
    return folder


@pytest.mark.parametrize("name", ["new", "new.tar.zst"])
def test_the_new_bundle_has_the_sides_of_the_one_and_the_metric_of_the_other(tmp_path: Path, name: str) -> None:
    (tmp_path / "old").mkdir()
    old = made_up.bundle(tmp_path / "old")
    export_metric(metric(tmp_path / "metric"), old, tmp_path / name)

    made = open_bundle(tmp_path / name)
    made.verify()
    assert made.manifest.name == "trained"
    assert (made.metric.kind, made.metric.audio_space) == ("va_metric", old.metric.audio_space)
    assert made.metric.id != old.metric.id
    assert load_embedder(made).dim == 64


def test_other_spaces_widths_and_hops_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old = made_up.bundle(tmp_path / "old")
    for number, wrong in enumerate(({"space": "audio-other"}, {"video_dim": 512}, {"audio_hop_s": 1.0})):
        folder = metric(tmp_path / str(number), **wrong)  # type: ignore[arg-type]
        with pytest.raises(BundleError) as caught:
            export_metric(folder, old, tmp_path / "new")
        assert caught.value.code is ErrorCode.SPACE_MISMATCH
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "old"]


def test_a_bundle_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(BundleError, match="is there already"):
        export_metric(metric(tmp_path / "metric"), made_up.bundle(tmp_path / "old"), tmp_path / "old")
