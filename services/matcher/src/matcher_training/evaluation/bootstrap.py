"""Ranks over galleries drawn at random, and figures of them with bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matcher_training.evaluation.retrieval import Embeddings, embedding_ranks

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Statistic = Callable[[Indices, Floats], Floats]
RESAMPLES = 1000
RESAMPLES_AT_ONCE = 50
LEVEL = 0.95


@dataclass(frozen=True)
class Ranks:
    """The ranks of one direction. `items` int64 [draws, M]: which items each gallery holds; `ranks`: of the same."""

    items: Indices
    ranks: Indices

    @property
    def gallery(self) -> int:
        return int(self.ranks.shape[1])


@dataclass(frozen=True)
class Estimate:
    """Mean and standard deviation over the draws, and the bounds of a bootstrap interval."""

    mean: float
    std: float
    low: float
    high: float


def draw_galleries(count: int, gallery: int, draws: int, seed: int) -> Indices:
    """int64 [draws, gallery]: for each draw, `gallery` of `count` items without replacement.

    A gallery of all items is drawn once: every draw would be the same. Draws depend on nothing but the arguments, so
    that metrics are compared on the same ones.
    """
    if gallery == count:
        return np.arange(count, dtype=np.int64)[None]
    rng = np.random.default_rng([seed, count, gallery])
    return np.stack([rng.permutation(count)[:gallery] for _ in range(draws)]).astype(np.int64)


def rank_draws(queries: Embeddings, answers: Embeddings, items: Indices) -> Ranks:
    """Every item of each gallery as a query, against the other side of the same items."""
    return Ranks(items, np.stack([embedding_ranks(queries[which], answers[which]) for which in items]))


def recall_at(k: int) -> Statistic:
    """The share of ranks up to k."""
    return lambda ranks, weights: _ratio(weights @ (ranks <= k), weights)


def mean_rank(ranks: Indices, weights: Floats) -> Floats:
    """The mean of ranks [M] under each row of weights [R, M]: [R]."""
    return _ratio(weights @ ranks, weights)


def median_rank(ranks: Indices, weights: Floats) -> Floats:
    """The median of ranks [M], each as often as a row of whole-number weights [R, M] says: [R].

    As `numpy.median`, it is the mean of the middle two where their number is even.
    """
    order = np.argsort(ranks, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    total = reached[:, -1:]
    lower, upper = ((reached <= np.floor((total - odd) / 2)).sum(axis=1) for odd in (1, 0))
    last = len(ranks) - 1
    medians = (ranks[order][np.minimum(lower, last)] + ranks[order][np.minimum(upper, last)]) / 2
    return np.where(total[:, 0] > 0, medians, np.nan)


def estimate(ranks: Ranks, statistics: Sequence[Statistic], count: int, seed: int) -> list[Estimate]:
    """Each statistic over the draws, with a 95 % percentile interval from resampling the `count` videos.

    A video that is drawn twice counts twice as a query, in every gallery that holds it; the galleries stay as they are.
    The same resamples serve all statistics.
    """
    even = np.ones((1, ranks.gallery))
    over_draws = np.array([[s(drawn, even)[0] for s in statistics] for drawn in ranks.ranks])
    std = over_draws.std(axis=0, ddof=1) if len(over_draws) > 1 else np.zeros(len(statistics))
    low, high = np.nanquantile(_resampled(ranks, statistics, count, seed), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [
        Estimate(*(float(part[i]) for part in (over_draws.mean(axis=0), std, low, high)))
        for i in range(len(statistics))
    ]


def _resampled(ranks: Ranks, statistics: Sequence[Statistic], count: int, seed: int) -> Floats:
    """[RESAMPLES, statistics], each the mean over the draws."""
    rng = np.random.default_rng([seed, count, ranks.gallery, RESAMPLES])
    results = []
    for start in range(0, RESAMPLES, RESAMPLES_AT_ONCE):
        rows = min(RESAMPLES_AT_ONCE, RESAMPLES - start)
        taken = np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(rows)])
        each = [
            [s(drawn, taken[:, items].astype(np.float64)) for s in statistics]
            for items, drawn in zip(ranks.items, ranks.ranks, strict=True)
        ]
        results.append(_mean_of_numbers(np.array(each)).T)
    return np.concatenate(results)


def _mean_of_numbers(values: Floats) -> Floats:
    """The mean over the first axis, leaving out NaN, which marks draws that a resample holds no item of."""
    there = ~np.isnan(values)
    sums = np.where(there, values, 0.0).sum(axis=0)
    count = there.sum(axis=0)
    return np.asarray(np.divide(sums, count, out=np.full(sums.shape, np.nan), where=count > 0), np.float64)


def _ratio(sums: Floats, weights: Floats) -> Floats:
    """NaN where a resample holds no item of the gallery at all."""
    total = weights.sum(axis=1)
    return np.asarray(np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0), np.float64)
