import numpy as np
import pytest

from matcher_training.evaluation.bootstrap import (
    Ranks,
    draw_galleries,
    estimate,
    mean_rank,
    median_rank,
    rank_draws,
    recall_at,
)


def test_a_gallery_is_drawn_without_replacement_and_from_all_items() -> None:
    items = draw_galleries(count=50, gallery=20, draws=40, seed=3)

    assert items.shape == (40, 20)
    assert all(len(set(draw)) == 20 for draw in items.tolist())
    assert set(items.ravel().tolist()) == set(range(50))


def test_draws_follow_from_the_seed_alone() -> None:
    first = draw_galleries(50, 20, 5, seed=3)

    np.testing.assert_array_equal(draw_galleries(50, 20, 5, seed=3), first)
    np.testing.assert_array_equal(draw_galleries(50, 20, 3, seed=3), first[:3])
    assert (draw_galleries(50, 20, 5, seed=4) != first).any()


def test_a_gallery_of_all_items_is_drawn_once() -> None:
    assert draw_galleries(7, 7, 20, seed=0).tolist() == [[0, 1, 2, 3, 4, 5, 6]]


def test_ranks_of_draws_agree_with_the_full_matrix_of_each_gallery() -> None:
    rng = np.random.default_rng(0)
    video, audio = rng.integers(0, 3, (40, 4)).astype(float), rng.integers(0, 3, (40, 4)).astype(float)
    items = draw_galleries(40, 15, 6, seed=1)

    ranks = rank_draws(video, audio, items)

    for draw, gallery in enumerate(items):
        for place, query in enumerate(gallery):
            own = sum((video[query] - audio[query]) ** 2)
            assert ranks.ranks[draw, place] == sum(sum((video[query] - audio[other]) ** 2) <= own for other in gallery)


def test_statistics_are_those_of_each_rank_repeated_by_its_weight() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 30):
        ranks, weights = rng.integers(1, 12, size), rng.integers(0, 4, (25, size)).astype(float)
        weights[0] = 0
        measured = [statistic(ranks, weights) for statistic in (median_rank, mean_rank, recall_at(5))]
        for row in range(25):
            repeated = np.repeat(ranks, weights[row].astype(int))
            wanted = [np.median(repeated), repeated.mean(), (repeated <= 5).mean()] if len(repeated) else [np.nan] * 3
            np.testing.assert_allclose([values[row] for values in measured], wanted)


def test_mean_and_deviation_are_over_the_draws() -> None:
    ranks = Ranks(np.array([[0, 1], [2, 3], [4, 5]]), np.array([[1, 2], [1, 1], [2, 2]]))

    (at_1,) = estimate(ranks, [recall_at(1)], count=6, seed=0)

    assert at_1.mean == pytest.approx(0.5)
    assert at_1.std == pytest.approx(0.5)


def test_the_interval_of_a_recall_is_the_binomial_one_where_every_video_is_a_query_once() -> None:
    ranks = np.where(np.arange(400) < 120, 1, 50)

    (at_1,) = estimate(Ranks(np.arange(400)[None], ranks[None]), [recall_at(1)], count=400, seed=0)

    assert at_1.mean == pytest.approx(0.3)
    assert at_1.std == 0
    error = 1.96 * (0.3 * 0.7 / 400) ** 0.5
    assert at_1.low == pytest.approx(0.3 - error, abs=0.006)
    assert at_1.high == pytest.approx(0.3 + error, abs=0.006)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(60):
        ranks = np.where(np.random.default_rng(seed).uniform(size=(1, 150)) < 0.4, 1, 9)
        (at_1,) = estimate(Ranks(np.arange(150)[None], ranks), [recall_at(1)], count=150, seed=seed)
        covered += at_1.low <= 0.4 <= at_1.high
    assert covered >= 52


def test_a_video_in_several_draws_is_one_video_to_the_bootstrap() -> None:
    """Twenty galleries of the same videos hold no more of them than one: the interval must not shrink."""
    once = np.where(np.arange(100) < 30, 1, 9)[None]
    items = np.arange(100)[None]

    (single,) = estimate(Ranks(items, once), [recall_at(1)], count=100, seed=0)
    (many,) = estimate(Ranks(items.repeat(20, 0), once.repeat(20, 0)), [recall_at(1)], count=100, seed=0)

    assert many.high - many.low == pytest.approx(single.high - single.low)


def test_intervals_are_repeatable() -> None:
    rng = np.random.default_rng(0)
    ranks = Ranks(draw_galleries(80, 30, 4, seed=0), rng.integers(1, 31, (4, 30)))

    assert estimate(ranks, [recall_at(5)], 80, seed=5) == estimate(ranks, [recall_at(5)], 80, seed=5)
    assert estimate(ranks, [recall_at(5)], 80, seed=5) != estimate(ranks, [recall_at(5)], 80, seed=6)
