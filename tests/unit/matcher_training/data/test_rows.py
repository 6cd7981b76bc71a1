import numpy as np

from matcher_training.data import Pairs, Sequences, crop, crop_starts, floats, stack
from needledrop.features import dequantise


def test_stacked_rows_are_rows_of_the_sequence_in_order_of_time() -> None:
    codes = np.arange(30, dtype=np.uint8)[:, None]
    sequences = Sequences(codes, np.array([0, 10, 13, 30]), np.arange(3), 1.0)
    rng = np.random.default_rng(0)

    drawn = [stack(sequences, np.array([2, 0]), 4, rng)[:, :, 0].astype(int) for _ in range(200)]

    for first, second in drawn:
        assert (np.diff(first) > 0).all()
        assert (np.diff(second) > 0).all()
        assert set(first) <= set(range(13, 30))
        assert set(second) <= set(range(10))
    assert {int(row) for first, _ in drawn for row in first} == set(range(13, 30))


def test_without_a_generator_rows_are_evenly_spaced_and_short_sequences_repeat() -> None:
    codes = np.arange(12, dtype=np.uint8)[:, None]
    sequences = Sequences(codes, np.array([0, 9, 12]), np.arange(2), 1.0)

    assert stack(sequences, np.array([0]), 3)[0, :, 0].tolist() == [1, 4, 7]
    assert stack(sequences, np.array([1]), 6)[0, :, 0].tolist() == [9, 9, 10, 10, 11, 11]


def test_codes_are_dequantised_and_floats_are_not() -> None:
    codes = np.arange(6, dtype=np.uint8).reshape(2, 3)

    np.testing.assert_array_equal(floats(codes), dequantise(codes))
    assert floats(np.array([0.5, -3], np.float16)).tolist() == [0.5, -3]
    assert floats(codes).dtype == floats(np.zeros(1, np.float16)).dtype == np.float32


def numbered(lengths: list[int], hop_s: float) -> Sequences:
    """Row t of sequence i holds 20·i + t + 1."""
    codes = np.concatenate([20 * i + np.arange(length) + 1 for i, length in enumerate(lengths)]).astype(np.uint8)
    return Sequences(codes[:, None], np.concatenate([[0], np.cumsum(lengths)]), np.arange(len(lengths)), hop_s)


def test_a_crop_is_contiguous_starts_at_its_time_and_stays_inside() -> None:
    taken = crop(numbered([10, 8, 10], hop_s=0.5), np.array([2, 1, 0]), np.array([1.0, 9.0, 0.8]), 2.0)

    assert taken.rows[:, :, 0].tolist() == [[43, 44, 45, 46], [25, 26, 27, 28], [3, 4, 5, 6]]
    assert taken.mask.all()


def test_a_sequence_shorter_than_the_crop_is_masked_where_it_ended() -> None:
    taken = crop(numbered([2, 5], hop_s=1.0), np.array([0, 1]), np.array([0.0, 0.0]), 4.0)

    assert taken.rows[:, :, 0].tolist() == [[1, 2, 0, 0], [21, 22, 23, 24]]
    assert taken.mask.tolist() == [[True, True, False, False], [True] * 4]


def test_crops_of_both_sides_start_at_one_time_anywhere_in_the_shorter_side() -> None:
    video, audio = numbered([12, 3], hop_s=1.0), numbered([20, 20], hop_s=0.96)
    pairs = Pairs.join(video, audio)

    starts = np.stack([crop_starts(pairs, 4.0, np.random.default_rng(seed)) for seed in range(300)])

    assert starts[:, 0].min() < 0.2
    assert 7.8 < starts[:, 0].max() <= 8.0
    assert (starts[:, 1] == 0).all()
