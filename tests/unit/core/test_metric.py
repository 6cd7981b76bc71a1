"""A metric's folder: its card, the hash of its weights, and its way into a bundle."""

import json
from pathlib import Path

import pytest

from needledrop.bundle import FileRef
from needledrop.errors import BundleError, ErrorCode
from needledrop.metric import CARD, WEIGHTS, MetricCard, MetricSide, default_metric, metric_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    MetricCard(
        name="mine",
        kind="va_metric2",
        weights=FileRef.of(tmp_path, WEIGHTS),
        config={"max_s": 10.0},
        audio=MetricSide(dim=128, hop_s=0.96, space="audio-1"),
        video=MetricSide(dim=1024, hop_s=1.0),
    ).save(tmp_path)
    return tmp_path


def test_a_card_reads_back_as_it_was_written(folder: Path) -> None:
    card = MetricCard.load(folder)
    assert (card.name, card.kind, card.audio.hop_s, card.video.space) == ("mine", "va_metric2", 0.96, None)


def test_a_flipped_bit_in_the_weights_is_refused_by_name(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"weighty")
    with pytest.raises(BundleError, match=WEIGHTS) as caught:
        MetricCard.load(folder)
    assert caught.value.code is ErrorCode.BUNDLE_INVALID


def test_an_absent_card_and_absent_weights_are_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=WEIGHTS):
        MetricCard.load(folder)
    (folder / CARD).unlink()
    with pytest.raises(BundleError, match=CARD):
        MetricCard.load(folder)


def test_a_field_that_is_wrong_is_named(folder: Path) -> None:
    text = json.loads((folder / CARD).read_text())
    text["video"]["dim"] = 0
    (folder / CARD).write_text(json.dumps(text))
    with pytest.raises(BundleError, match=r"video\.dim"):
        MetricCard.load(folder)


def test_weights_outside_the_folder_are_refused(folder: Path) -> None:
    text = json.loads((folder / CARD).read_text())
    text["weights"]["path"] = "../metric.safetensors"
    (folder / CARD).write_text(json.dumps(text))
    with pytest.raises(BundleError, match="stay inside"):
        MetricCard.load(folder)


def test_a_metric_enters_a_bundle_only_with_the_spaces_it_was_trained_on(folder: Path) -> None:
    card = MetricCard.load(folder)
    part = card.part(card.weights, "audio-1", "video-of-any-maker")
    assert (part.audio_space, part.video_space) == ("audio-1", "video-of-any-maker")
    with pytest.raises(BundleError) as caught:
        card.part(card.weights, "audio-2", "video-1")
    assert caught.value.code is ErrorCode.SPACE_MISMATCH


def test_default_names_the_shipped_metric_and_anything_else_is_a_path(tmp_path: Path) -> None:
    assert metric_folder("default") == default_metric()
    assert metric_folder(str(tmp_path)) == tmp_path
