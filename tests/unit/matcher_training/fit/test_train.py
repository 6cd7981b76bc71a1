from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.made_up import pairs as made_up_pairs

from matcher_training.bundles.demo import RECIPE
from matcher_training.data import Pairs
from matcher_training.evaluation.retrieval import chance_median_rank
from matcher_training.fit.train import evaluate, fit
from needledrop.features import dequantise
from needledrop.metric_kind import MetricKind

QUICK = replace(RECIPE, epochs=25, patience=25, weight_decay=0.0)


def pairs(count: int, seed: int = 0) -> Pairs:
    return made_up_pairs(count, seed, video_dim=96, audio_dim=48)


def shuffled(data: Pairs) -> Pairs:
    """Every picture with another pair's sound."""
    return replace(data, audio_index=np.roll(data.audio_index, 1))


@pytest.mark.parametrize("kind", [MetricKind.VA_METRIC, MetricKind.VA_METRIC2])
def test_a_few_pairs_are_learned_by_heart_even_where_nothing_connects_them(kind: MetricKind) -> None:
    data = shuffled(pairs(16))
    recipe = replace(QUICK, kind=kind, epochs=50, patience=50, rows=(4, 4), learning_rate=5e-3)

    fitted = fit(data, data, recipe, seed=0)

    figures = evaluate(fitted.metric, data, rows=4)
    assert figures.gallery == 16
    assert figures.recall_at_1 >= 0.9


def test_what_connects_the_sides_is_found_in_pairs_never_seen() -> None:
    fitted = fit(pairs(100), pairs(20, seed=1), QUICK, seed=0)

    figures = evaluate(fitted.metric, pairs(60, seed=99), rows=4)
    assert figures.median_rank <= 3
    assert (fitted.trained_on, fitted.held_out.gallery) == (100, 20)


def test_shuffled_pairs_stay_at_chance_on_pairs_never_seen() -> None:
    fitted = fit(shuffled(pairs(100)), shuffled(pairs(20, seed=1)), QUICK, seed=0)

    figures = evaluate(fitted.metric, pairs(60, seed=99), rows=4)
    assert figures.median_rank > 0.5 * chance_median_rank(60)


def test_the_same_seed_gives_the_same_metric_and_leaves_torchs_generator_alone() -> None:
    data = pairs(30)
    before = torch.get_rng_state()

    first, second, other = (fit(data, data, replace(QUICK, epochs=3), seed) for seed in (5, 5, 6))

    assert torch.equal(torch.get_rng_state(), before)
    weights = [fitted.metric.state_dict()["fc.weight"] for fitted in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_training_stops_when_held_out_pairs_get_no_better() -> None:
    epochs: list[int] = []

    data = shuffled(pairs(40))
    fitted = fit(data, pairs(20, seed=1), replace(QUICK, epochs=200, patience=3), seed=0, progress=epochs.append)

    assert epochs == list(range(1, fitted.epoch + 4))


def test_figures_agree_with_embedding_one_pair_at_a_time() -> None:
    data = pairs(12)
    metric = fit(data, data, replace(QUICK, epochs=2), seed=0).metric

    ranks = []
    with torch.inference_mode():
        audio = [metric.audio(torch.from_numpy(dequantise(data.audio[i])[None])) for i in data.audio_index]
        for i in range(12):
            video = metric.video(torch.from_numpy(dequantise(data.video[i])[None]))
            distances = [float(torch.linalg.vector_norm(video - other)) for other in audio]
            ranks.append(sorted(distances).index(distances[i]) + 1)

    assert evaluate(metric, data, rows=10).mean_rank == np.mean(ranks)
