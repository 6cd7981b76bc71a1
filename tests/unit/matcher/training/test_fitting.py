import json
from pathlib import Path

import numpy as np
import pytest

from matcher.training.fitting import fit, hold_out
from matcher.training.run import Epoch, Work
from matcher_training.bundles.loading import load_metric
from needledrop.errors import FeatureError
from needledrop.features import Modality
from needledrop.metric import MetricCard
from tests.unit.matcher.training.made_up import pairs


@pytest.mark.parametrize("recipe", ["needledrop", "va_metric2"])
def test_a_training_leaves_a_metric_and_its_report_on_pairs_that_it_has_not_seen(recipe: str, tmp_path: Path) -> None:
    told: list[Epoch] = []
    card = fit(Work(pairs(60), recipe, "Mine", 3, tmp_path), told.append)
    assert MetricCard.load(tmp_path).weights == card.weights
    assert (card.name, card.kind, card.audio.space, card.video.space) == ("Mine", recipe, "space-16", "space-24")
    assert card.training["reported_on"] == 12
    assert json.loads(json.dumps(card.training)) == MetricCard.load(tmp_path).training
    for name in ("report.json", "report.md"):
        assert "Mine" in (tmp_path / name).read_text()
    for name in ("recall.png", "similarity.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert [epoch.epoch for epoch in told] == sorted(epoch.epoch for epoch in told)
    assert told[-1].epoch == told[-1].epochs
    embedder = load_metric(tmp_path)
    assert len(embedder.windows(np.zeros((30, 16), np.uint8), 1.0)) > 1
    assert embedder.steps(Modality.VIDEO, np.zeros((9, 24), np.uint8), 1.0) is None or recipe == "needledrop"


def test_what_is_trained_is_not_trained_again_where_only_the_end_failed(tmp_path: Path) -> None:
    work = Work(pairs(60), "va_metric2", "Mine", 3, tmp_path)
    first = fit(work, lambda _: None)
    told: list[Epoch] = []
    again = fit(work, told.append)
    assert told == []
    assert again.weights == first.weights


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), MemoryError),
        (RuntimeError("shapes don't match"), RuntimeError),
    ],
    ids=["memory", "other"],
)
def test_a_failed_allocation_is_told_as_such(tmp_path: Path, error: Exception, becomes: type[Exception]) -> None:
    def fail(_: Epoch) -> None:
        raise error

    with pytest.raises(becomes) as caught:
        fit(Work(pairs(60), "va_metric2", "Mine", 3, tmp_path), fail)
    assert type(caught.value) is becomes


def test_the_fewest_pairs_that_the_service_takes_can_be_trained_on(tmp_path: Path) -> None:
    card = fit(Work(pairs(10), "needledrop", "Small", 0, tmp_path), lambda _: None)
    assert card.training["reported_on"] == 2


def test_pairs_of_one_picture_are_not_torn_apart() -> None:
    groups = [number // 2 for number in range(60)]
    train, held_out = hold_out(pairs(60, groups), 1)
    assert train.groups is not None
    assert held_out.groups is not None
    assert not set(train.groups.tolist()) & set(held_out.groups.tolist())


def test_pairs_of_one_picture_are_torn_apart_where_too_few_would_be_left() -> None:
    train, held_out = hold_out(pairs(12, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9]), 0)
    assert len(held_out) >= 2
    assert len(train) >= 8


def test_fewer_pairs_than_training_takes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureError):
        fit(Work(pairs(5), "needledrop", "Few", 0, tmp_path), lambda _: None)
