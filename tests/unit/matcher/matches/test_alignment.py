import tracemalloc

import numpy as np
import pytest

from matcher.matches.alignment import Vectors, best_offset, by_second


def looped_offset(clip: Vectors, track: Vectors) -> int:
    """Every offset in turn, the mean of the inner products one by one."""
    best, best_mean = 0, float("-inf")
    for offset in range(len(track) - len(clip) + 1):
        total = 0.0
        for row in range(len(clip)):
            total += sum(float(a) * float(b) for a, b in zip(clip[row], track[offset + row], strict=True))
        mean = total / len(clip)
        if mean > best_mean:
            best, best_mean = offset, mean
    return best


def whole_product_offset(clip: Vectors, track: Vectors) -> int:
    """All inner products at once, summed along their diagonals."""
    products = clip.astype(np.float32) @ track.astype(np.float32).T
    places = range(len(track) - len(clip) + 1)
    return int(np.argmax([np.diagonal(products, place).mean() for place in places])) if places else 0


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 9), (5, 9), (9, 9), (30, 120)])
def test_the_best_offset_is_that_of_a_plain_loop(rows: int, length: int) -> None:
    rng = np.random.default_rng(rows + length)
    for _ in range(5):
        clip, track = rng.normal(size=(rows, 4)), rng.normal(size=(length, 4))
        assert best_offset(clip.astype(np.float16), track.astype(np.float16)) == looped_offset(
            clip.astype(np.float16), track.astype(np.float16)
        )


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 512, 600])
@pytest.mark.parametrize("more", [-1, 0, 1, 300])
def test_long_clips_lie_where_the_whole_product_puts_them(rows: int, more: int) -> None:
    rng = np.random.default_rng(rows)
    clip, track = rng.normal(size=(rows, 8)).astype(np.float16), rng.normal(size=(rows + more, 8)).astype(np.float16)
    assert best_offset(clip, track) == whole_product_offset(clip, track)


def test_a_long_clip_along_a_long_track_takes_little_memory() -> None:
    rng = np.random.default_rng(0)
    track = rng.normal(size=(6000, 16)).astype(np.float16)
    tracemalloc.start()
    try:
        assert best_offset(track[2000:5000], track) == 2000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    whole = 3000 * 6000 * 4
    assert peak < whole / 8


def test_a_stretch_of_the_track_is_found_where_it_was_cut() -> None:
    track = np.random.default_rng(0).normal(size=(200, 16))
    track /= np.linalg.norm(track, axis=1, keepdims=True)
    assert best_offset(track[137:160], track) == 137


def test_a_clip_longer_than_the_track_starts_with_it() -> None:
    rng = np.random.default_rng(0)
    assert best_offset(rng.normal(size=(9, 3)), rng.normal(size=(5, 3))) == 0


def test_the_first_of_equally_good_places_is_taken() -> None:
    assert best_offset(np.ones((2, 3)), np.ones((7, 3))) == 0


def test_rows_of_another_hop_are_taken_by_the_nearest_second() -> None:
    rows = np.arange(100.0)[:, None]
    seconds = by_second(rows, 0.96)
    assert len(seconds) == 96
    for second, row in enumerate(seconds[:, 0]):
        nearest = min(abs(other * 0.96 - second) for other in range(100))
        assert abs(row * 0.96 - second) == pytest.approx(nearest)


def test_rows_of_one_second_stay_as_they_are() -> None:
    rows = np.arange(5.0)[:, None]
    np.testing.assert_array_equal(by_second(rows, 1.0), rows)


def test_a_single_short_row_is_one_second() -> None:
    assert by_second(np.ones((1, 3)), 0.25).shape == (1, 3)
