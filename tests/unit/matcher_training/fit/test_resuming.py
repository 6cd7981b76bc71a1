"""What a training goes on from: only what was begun with the same pairs, split, recipe and seed."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests import made_up

from matcher_training.data import Labels, Pairs
from matcher_training.fit.fitting import fit_metric
from matcher_training.fit.progress import FitProgress
from matcher_training.fit.resuming import begin, digest

PAIRS = made_up.pairs(40, video_dim=8, audio_dim=6)


class CutOffError(Exception):
    pass


def first_epoch(out: Path, pairs: Pairs, recipe: str, seed: int, held_out: Pairs | None = None) -> int:
    """The number of the first epoch that is run there; the training is cut off after it."""
    told: list[int] = []

    def progress(epoch: FitProgress) -> None:
        told.append(epoch.epoch)
        raise CutOffError

    with pytest.raises(CutOffError):
        fit_metric(pairs, held_out, recipe, out, seed=seed, progress=progress)
    return told[0]


def test_the_same_training_goes_on(tmp_path: Path) -> None:
    assert [first_epoch(tmp_path, PAIRS, "va_metric2", 1) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("pairs", "recipe", "seed", "held_out"),
    [
        (PAIRS, "va_metric", 1, None),
        (PAIRS, "va_metric2", 2, None),
        (PAIRS.take(np.arange(39)), "va_metric2", 1, None),
        (PAIRS, "va_metric2", 1, PAIRS.take(np.arange(0))),
        (PAIRS.take(np.arange(30)), "va_metric2", 1, PAIRS.take(np.arange(30, 40))),
        (made_up.pairs(40, seed=1, video_dim=8, audio_dim=6), "va_metric2", 1, None),
    ],
    ids=["recipe", "seed", "fewer pairs", "nothing held out", "other split", "other pairs"],
)
def test_another_training_begins_anew(
    tmp_path: Path, pairs: Pairs, recipe: str, seed: int, held_out: Pairs | None
) -> None:
    first_epoch(tmp_path, PAIRS, "va_metric2", 1)
    assert first_epoch(tmp_path, pairs, recipe, seed, held_out) == 1
    assert first_epoch(tmp_path, pairs, recipe, seed, held_out) == 2


def test_pairs_that_are_held_out_now_have_not_been_trained_on(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (PAIRS.video.codes.shape), np.uint8)
    pairs = dataclasses.replace(PAIRS, video=dataclasses.replace(PAIRS.video, codes=noise))
    train, held = pairs.take(np.arange(30)), pairs.take(np.arange(30, 40))
    first_epoch(tmp_path / "cut", pairs, "needledrop", 0, pairs.take(np.arange(0)))
    gone_on = fit_metric(train, held, "needledrop", tmp_path / "cut")
    clean = fit_metric(train, held, "needledrop", tmp_path / "clean")
    assert gone_on.training["held_out"] == clean.training["held_out"]
    assert gone_on.weights.sha256 == clean.weights.sha256


def test_what_an_older_version_left_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "teacher-0.checkpoint").write_bytes(b"unknown")
    begin(tmp_path / "work", PAIRS, PAIRS, {})
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["begun.json"]


@pytest.mark.parametrize("changed", ["order", "hop", "space", "labels", "a code", "lengths"])
def test_whatever_pairs_hold_is_in_their_digest(changed: str) -> None:
    codes = PAIRS.audio.codes.copy()
    codes[17, 3] ^= 1
    audio = {
        "hop": dataclasses.replace(PAIRS.audio, hop_s=1.0),
        "space": dataclasses.replace(PAIRS.audio, space="other"),
        "a code": dataclasses.replace(PAIRS.audio, codes=codes),
        "lengths": dataclasses.replace(PAIRS.audio, offsets=PAIRS.audio.offsets + (np.arange(41) % 2)),
    }.get(changed, PAIRS.audio)
    other = dataclasses.replace(PAIRS, audio=audio)
    if changed == "order":
        other = PAIRS.take(np.arange(40)[::-1])
    if changed == "labels":
        other = dataclasses.replace(PAIRS, labels=Labels.of([[1]] * 40))
    assert digest(PAIRS) == digest(PAIRS.take(np.arange(40)))
    assert digest(other) != digest(PAIRS)
