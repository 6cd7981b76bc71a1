"""The reference's training, against its rules written out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests import made_up

from matcher_training.data import Pairs
from matcher_training.evaluation.retrieval import Retrieval, chance_median_rank, retrieval
from matcher_training.fit.losses import contrastive_loss, distance_matrix
from matcher_training.fit.progress import Epoch
from matcher_training.fit.recipes import ReferenceRecipe
from matcher_training.fit.reference_fit import ReferenceFit
from matcher_training.towers.metric import Metric
from matcher_training.towers.reference import make_reference
from matcher_training.towers.tower_embedder import TowerEmbedder
from needledrop.features import Modality
from needledrop.metric_kind import MetricKind

RECIPE = ReferenceRecipe(epochs=3, batch=16)
LEARNER = ReferenceRecipe(epochs=25, batch=16, margin=6.0, learning_rate=3e-3, weight_decay=0.0, rows=4)


def wide_pairs(count: int, seed: int = 0) -> Pairs:
    return made_up.pairs(count, seed, video_dim=96, audio_dim=48)


def shuffled(pairs: Pairs) -> Pairs:
    """Every picture with another pair's sound."""
    return replace(pairs, audio_index=np.roll(pairs.audio_index, 1))


def figures(metric: Metric, pairs: Pairs) -> Retrieval:
    embedder = TowerEmbedder(metric)
    video = torch.from_numpy(embedder.embed(Modality.VIDEO, pairs.video, pairs.video_index))
    audio = torch.from_numpy(embedder.embed(Modality.AUDIO, pairs.audio, pairs.audio_index))
    return retrieval(distance_matrix(video, audio).numpy())


def learnt(folder: Path, train: Pairs, recipe: ReferenceRecipe = LEARNER, seed: int = 0) -> Metric:
    fit = ReferenceFit(MetricKind.VA_METRIC2, recipe, train, train.take(np.arange(0)), seed, folder / f"{seed}")
    return fit.run(lambda epoch: None)


def test_one_epoch_is_the_references_loop(tmp_path: Path) -> None:
    pairs = made_up.pairs(16, video_dim=6, audio_dim=5)
    fit = ReferenceFit(MetricKind.VA_METRIC2, ReferenceRecipe(epochs=1, batch=16), pairs, pairs, 4, tmp_path / "c")
    found = fit.run(lambda epoch: None)

    torch.manual_seed(4)
    metric = make_reference(MetricKind.VA_METRIC2, 6, 5)
    optimiser = torch.optim.SGD(metric.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    rng = np.random.default_rng([4, 0])
    order = rng.permutation(16)
    other = rng.permutation(16)
    dequantised = [
        [torch.from_numpy(np.asarray(side[i], np.float32) * 4 / 255 + 4 / 512 - 2) for i in order]
        for side in (pairs.video, pairs.audio)
    ]
    video = torch.stack(dequantised[0])[:, [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]]
    audio = torch.stack(dequantised[1])
    loss = torch.zeros(())
    for i in range(16):
        distance = metric(video[i : i + 1], audio[i : i + 1])
        loss = loss + distance.square().sum()
        j = int(other[i])
        distance = metric(video[i : i + 1], audio[j : j + 1])
        loss = loss + (distance.square() if i == j else (1 - distance).clamp(min=0).square()).sum()
    (loss / 32).backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    for name, tensor in metric.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


def test_the_rate_falls_to_seven_tenths_every_ten_epochs(tmp_path: Path) -> None:
    pairs = made_up.pairs(8, video_dim=6, audio_dim=5)
    rates = []
    fit = ReferenceFit(MetricKind.VA_METRIC2, ReferenceRecipe(epochs=21), pairs, pairs, 0, tmp_path / "c")
    fit.run(lambda epoch: rates.append(fit.learning_rate))
    assert rates[0] == rates[9] == 1e-3
    np.testing.assert_allclose([rates[10], rates[19], rates[20]], [7e-4, 7e-4, 4.9e-4])


@pytest.mark.parametrize(("kind", "rows", "expected"), [(MetricKind.VA_METRIC, 1, 1), (MetricKind.VA_METRIC, 120, 2)])
def test_single_rows_are_trained_on_one_thread_and_the_others_are_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: MetricKind, rows: int, expected: int
) -> None:
    seen: set[int] = set()

    def loss(distances: torch.Tensor, different: torch.Tensor, margin: float) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return contrastive_loss(distances, different, margin)

    monkeypatch.setattr("matcher_training.fit.reference_fit.contrastive_loss", loss)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pairs = made_up.pairs(16, video_dim=6, audio_dim=5)
        recipe = ReferenceRecipe(epochs=1, batch=16, rows=rows)
        ReferenceFit(kind, recipe, pairs, pairs, 0, tmp_path / "c").run(lambda epoch: None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == {expected}


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    pairs = made_up.pairs(40, video_dim=6, audio_dim=5)

    def fit(path: str) -> ReferenceFit:
        return ReferenceFit(MetricKind.VA_METRIC2, RECIPE, pairs, pairs, 0, tmp_path / path)

    whole = fit("whole").run(lambda epoch: None)
    first = ReferenceFit(MetricKind.VA_METRIC2, ReferenceRecipe(epochs=1, batch=16), pairs, pairs, 0, tmp_path / "cut")
    first.run(lambda epoch: None)
    rest: list[Epoch] = []
    resumed = fit("cut").run(rest.append)
    assert [epoch.number for epoch in rest] == [2, 3]
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor)


@pytest.mark.parametrize("kind", [MetricKind.VA_METRIC, MetricKind.VA_METRIC2])
def test_a_few_pairs_are_learned_by_heart_even_where_nothing_connects_them(tmp_path: Path, kind: MetricKind) -> None:
    pairs = shuffled(wide_pairs(16))
    recipe = replace(LEARNER, epochs=100, margin=12.0, learning_rate=1e-2, decay_every=100)
    metric = ReferenceFit(kind, recipe, pairs, pairs, 0, tmp_path / "c").run(lambda epoch: None)
    found = figures(metric, pairs)
    assert found.gallery == 16
    assert found.recall_at_1 >= 0.9


def test_what_connects_the_sides_is_found_in_pairs_never_seen(tmp_path: Path) -> None:
    assert figures(learnt(tmp_path, wide_pairs(100)), wide_pairs(60, seed=99)).median_rank <= 3


def test_shuffled_pairs_stay_at_chance_on_pairs_never_seen(tmp_path: Path) -> None:
    found = figures(learnt(tmp_path, shuffled(wide_pairs(100))), wide_pairs(60, seed=99))
    assert found.median_rank > 0.5 * chance_median_rank(60)


def test_the_same_seed_gives_the_same_metric_and_leaves_torchs_generator_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    first, second, other = (
        learnt(tmp_path / name, wide_pairs(30), RECIPE, seed).state_dict()["fc.weight"]
        for name, seed in (("first", 5), ("second", 5), ("other", 6))
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
