"""Retrieval figures of a distance matrix."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Retrieval:
    """Shares (0…1) of queries whose own item is among the nearest 1, 5, 10; median and mean rank, from 1."""

    gallery: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    mean_rank: float


def true_ranks(distances: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Rank, from 1, of column i in row i of a matrix [N, M ≥ N]; every item that is not farther counts as nearer.

    So a metric that gives everything one distance, or no number at all, earns no recall.
    """
    own = np.diagonal(distances)[:, None]
    return np.asarray((~(distances > own)).sum(axis=1), dtype=np.int64)


def retrieval(distances: npt.NDArray[np.floating]) -> Retrieval:
    """Figures for queries in rows and gallery in columns, the diagonal being the right answers."""
    ranks = true_ranks(distances)
    return Retrieval(
        gallery=distances.shape[1],
        recall_at_1=float((ranks <= 1).mean()),
        recall_at_5=float((ranks <= 5).mean()),
        recall_at_10=float((ranks <= 10).mean()),
        median_rank=float(np.median(ranks)),
        mean_rank=float(ranks.mean()),
    )


def chance_median_rank(gallery: int) -> float:
    """Expected median rank of a metric that knows nothing: the middle of 1…`gallery`."""
    return (gallery + 1) / 2
