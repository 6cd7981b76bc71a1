import math

import numpy as np
import pytest

from matcher_training.evaluation.retrieval import (
    chance_median_rank,
    chance_recall,
    embedding_ranks,
    retrieval,
    topk_accuracy,
    true_ranks,
)


def test_ranks_and_figures_agree_with_sorting_each_row() -> None:
    distances = np.random.default_rng(0).uniform(size=(40, 60))

    ranks = [sorted(row).index(row[i]) + 1 for i, row in enumerate(distances.tolist())]
    figures = retrieval(distances)

    assert true_ranks(distances).tolist() == ranks
    assert figures.gallery == 60
    assert figures.recall_at_1 == pytest.approx(sum(rank <= 1 for rank in ranks) / 40)
    assert figures.recall_at_5 == pytest.approx(sum(rank <= 5 for rank in ranks) / 40)
    assert figures.recall_at_10 == pytest.approx(sum(rank <= 10 for rank in ranks) / 40)
    assert figures.median_rank == (sorted(ranks)[19] + sorted(ranks)[20]) / 2
    assert figures.mean_rank == pytest.approx(sum(ranks) / 40)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_one_distance_for_everything_earns_the_last_rank(value: float) -> None:
    assert true_ranks(np.full((3, 5), value)).tolist() == [5, 5, 5]


def test_chance_is_what_random_distances_get() -> None:
    rng = np.random.default_rng(1)
    ranks = np.concatenate([true_ranks(rng.uniform(size=(25, 25))) for _ in range(400)])

    assert np.median(ranks) == pytest.approx(chance_median_rank(25), abs=1)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_ranks_of_embeddings_agree_with_plain_loops(offset: float) -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((1100, 6))
    queries = hidden + 0.7 * rng.standard_normal((1100, 6)) + offset
    gallery = hidden + offset

    ranks = embedding_ranks(queries, gallery)

    for i in range(0, 1100, 37):
        own = math.dist(queries[i], gallery[i])
        assert ranks[i] == sum(math.dist(queries[i], other) <= own for other in gallery)


def test_embeddings_that_are_alike_count_against_the_metric() -> None:
    rng = np.random.default_rng(1)
    groups = rng.standard_normal((3, 64)).astype(np.float32)[np.arange(12) % 3]

    assert embedding_ranks(groups, groups).tolist() == [4] * 12
    assert embedding_ranks(np.full((5, 3), 0.1, np.float32), np.full((5, 3), 0.1, np.float32)).tolist() == [5] * 5


def test_an_embedding_that_is_not_a_number_earns_nothing_and_costs_others_a_rank() -> None:
    gallery = np.eye(6)
    gallery[2] = np.nan

    assert embedding_ranks(np.eye(6), gallery).tolist() == [2, 2, 6, 2, 2, 2]
    assert embedding_ranks(gallery, np.eye(6)).tolist() == [1, 1, 6, 1, 1, 1]


def test_the_references_accuracy_counts_a_video_whose_sound_is_among_the_nearest() -> None:
    """As its evaluate.py does: a column a video, sorted, and whether its own number is in the first k places."""
    sim_mat = np.random.default_rng(0).uniform(size=(30, 30))
    right = 0
    for video in range(30):
        column = sorted(range(30), key=lambda sound, v=video: sim_mat[sound, v])  # type: ignore[misc]
        right += video in column[:5]

    assert topk_accuracy(sim_mat.T, 5) == right / 30


@pytest.mark.parametrize("k", [1, 5, 10, 40])
def test_recall_by_chance_is_what_random_distances_get(k: int) -> None:
    rng = np.random.default_rng(2)
    ranks = np.concatenate([true_ranks(rng.uniform(size=(25, 25))) for _ in range(800)])

    assert (ranks <= k).mean() == pytest.approx(chance_recall(25, k), abs=0.01)
    assert ranks.mean() == pytest.approx(chance_median_rank(25), abs=0.3)
