"""Retrieval figures of distances, and what chance would give."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Embeddings = npt.NDArray[np.floating]
CHUNK = 512
TIE = 1e-12


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


def embedding_ranks(queries: Embeddings, gallery: Embeddings) -> npt.NDArray[np.int64]:
    """`true_ranks` of the Euclidean distances between embeddings, float [N, d] and [N, d], row i belonging to row i.

    A few queries at a time, so that the whole matrix never exists. Distances that differ by rounding only are ties.
    """
    centre = gallery[np.isfinite(gallery).all(axis=1)].astype(np.float64).mean(axis=0) if len(gallery) else 0.0
    x, y = queries.astype(np.float64) - centre, gallery.astype(np.float64) - centre
    norms = (y * y).sum(axis=1)
    ranks = np.empty(len(x), np.int64)
    for start in range(0, len(x), CHUNK):
        part = slice(start, min(start + CHUNK, len(x)))
        # Without the query's own norm, which is the same for the whole row.
        row = norms - 2 * (x[part] @ y.T)
        own = row[np.arange(len(row)), np.arange(part.start, part.stop)]
        scale = np.nanmax(np.abs(row), axis=1, initial=0.0)
        ranks[part] = (~(row > (own + TIE * scale)[:, None])).sum(axis=1)
    return ranks


def topk_accuracy(distances: npt.NDArray[np.floating], k: int) -> float:
    """The reference's own figure: the share of the N queries whose item is among the k nearest of M.

    `distances` [N, M], M ≥ N, a query in each row (in the reference's code: a video in each column), item i being
    query i's. Where the reference sorts ties in any order, they count against the metric here.
    """
    return float((true_ranks(distances) <= k).mean())


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


def chance_recall(gallery: int, k: int) -> float:
    """Expected recall@k of a metric that knows nothing: its ranks are uniform on 1…`gallery`."""
    return min(k, gallery) / gallery


def chance_median_rank(gallery: int) -> float:
    """Expected median, and mean, rank of a metric that knows nothing: the middle of 1…`gallery`."""
    return (gallery + 1) / 2
