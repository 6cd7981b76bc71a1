import numpy as np
import pytest

from matcher_training.evaluate import chance_median_rank, retrieval, true_ranks


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
