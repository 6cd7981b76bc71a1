"""Kernel CCA: the features, the closed form against another library's, and what it finds."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from tests import made_up

from matcher_training.fit.held_out_rank import embed_pairs, mean_reciprocal_rank
from matcher_training.fit.kernel_fit import fit_kernel
from matcher_training.fit.recipes import KernelRecipe
from matcher_training.towers.kernel import KernelTower, KernelTowers, fit_directions
from matcher_training.towers.shapes import KernelShape


def filled(tower: KernelTower) -> KernelTower:
    for name in ("frequencies", "phases", "mean", "directions"):
        buffer = tower.get_buffer(name)
        buffer.copy_(torch.randn(buffer.shape, generator=torch.Generator().manual_seed(len(name))))
    return tower


def test_features_are_cosines_averaged_over_the_rows_that_are_there() -> None:
    tower = filled(KernelTower(3, 4, 2))
    rows = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    found = tower.features(rows, mask)
    for item, length in ((0, 5), (1, 2)):
        for feature in range(4):
            waves = [
                math.cos(
                    sum(float(rows[item, t, d]) * float(tower.frequencies[d, feature]) for d in range(3))
                    + float(tower.phases[feature])
                )
                for t in range(length)
            ]
            assert float(found[item, feature]) == pytest.approx(sum(waves) / length, abs=1e-5)


def test_directions_have_the_canonical_correlations_of_the_generalised_eigenvalue_problem() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((400, 2))
    x = np.hstack([hidden, rng.standard_normal((400, 3))]) @ rng.standard_normal((5, 5))
    y = np.hstack([hidden + 0.5 * rng.standard_normal((400, 2)), rng.standard_normal((400, 2))])
    towers = KernelTowers(KernelShape(dim=2, features=5), (1, 1))
    towers.audio = KernelTower(1, 4, 2)
    fit_directions(towers, torch.from_numpy(x).float(), torch.from_numpy(y).float(), ridge=0.0)

    left = (x - x.mean(0)) @ towers.video.directions.double().numpy()
    right = (y - y.mean(0)) @ towers.audio.directions.double().numpy()
    found = [abs(np.corrcoef(left[:, i], right[:, i])[0, 1]) for i in range(2)]
    cxx, cyy = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    cxy = (x - x.mean(0)).T @ (y - y.mean(0)) / 400
    squared = eigh(cxy @ np.linalg.solve(cyy, cxy.T), cxx, eigvals_only=True)[::-1][:2]
    assert found == pytest.approx(np.sqrt(squared).tolist(), abs=1e-4)
    # Each side is scaled by the correlation itself, so that weak directions count less.
    assert left.std(axis=0) == pytest.approx(found, abs=1e-4)


def test_a_few_hundred_pairs_are_found_again_where_nothing_was_seen_of_them() -> None:
    pairs = made_up.pairs(260, video_dim=24, audio_dim=12)
    train, held = pairs.take(np.arange(200)), pairs.take(np.arange(200, 260))
    recipe = KernelRecipe(KernelShape(dim=20, features=120), (0.5, 0.5))
    found = mean_reciprocal_rank(*embed_pairs(fit_kernel(recipe, train, seed=0), held))
    assert found > 0.5

    shuffled = np.random.default_rng(0).permutation(200)
    broken = type(train)(train.video, train.audio, train.video_index, train.audio_index[shuffled])
    chance = sum(1 / rank for rank in range(1, 61)) / 60
    assert mean_reciprocal_rank(*embed_pairs(fit_kernel(recipe, broken, seed=0), held)) < 3 * chance


def test_the_same_seed_gives_the_same_towers() -> None:
    pairs = made_up.pairs(40, video_dim=8, audio_dim=6)
    recipe = KernelRecipe(KernelShape(dim=4, features=16), (0.5, 0.5))
    first, again, other = (fit_kernel(recipe, pairs, seed) for seed in (1, 1, 2))
    assert torch.equal(first.video.directions, again.video.directions)
    assert not torch.equal(first.video.directions, other.video.directions)
