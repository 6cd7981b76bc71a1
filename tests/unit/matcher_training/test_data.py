from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.matcher_training.made_up import random_codes

from matcher_training.data import Pairs, Sequences, stack
from needledrop.errors import ErrorCode, FeatureError


def write(path: Path, **changed: Any) -> Path:
    """An .npz of three sequences of 2, 3 and 1 rows."""
    content: dict[str, Any] = {
        "codes": random_codes(6, 4, seed=0),
        "offsets": np.array([0, 2, 5, 6]),
        "pair": np.array([7, 3, 5]),
        "hop_s": np.float64(0.96),
    } | changed
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def test_sequences_come_back_as_they_were_written(tmp_path: Path) -> None:
    sequences = Sequences.read(write(tmp_path / "audio.npz"), dim=4)

    codes = random_codes(6, 4, seed=0)
    assert len(sequences) == 3
    assert sequences.hop_s == 0.96
    assert sequences.dim == 4
    for index, (start, stop) in enumerate([(0, 2), (2, 5), (5, 6)]):
        np.testing.assert_array_equal(sequences[index], codes[start:stop])


@pytest.mark.parametrize(
    "changed",
    [
        {"codes": None},
        {"codes": np.zeros((6, 4), np.float32)},
        {"codes": np.zeros((6, 5), np.uint8)},
        {"codes": np.array([{}, {}], dtype=object)},
        {"offsets": np.array([0, 2, 6])},
        {"offsets": np.array([0, 2, 2, 6])},
        {"offsets": np.array([0, 2, 5, 7])},
        {"pair": np.array([7, 3, 7])},
        {"hop_s": np.float64(0)},
        {"hop_s": np.array([1.0, 1.0])},
    ],
    ids=str,
)
def test_malformed_training_data_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(FeatureError) as caught:
        Sequences.read(write(tmp_path / "audio.npz", **changed), dim=4)
    assert caught.value.code is ErrorCode.FEATURES_INVALID


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_missing_or_foreign_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "audio.npz").write_bytes(content)
    with pytest.raises(FeatureError):
        Sequences.read(tmp_path / "audio.npz", dim=4)


def test_sides_are_joined_by_pair_number_and_what_one_side_lacks_is_left_out(tmp_path: Path) -> None:
    video = Sequences.read(write(tmp_path / "video.npz", pair=np.array([3, 7, 9])), dim=4)
    audio = Sequences.read(write(tmp_path / "audio.npz", pair=np.array([7, 3, 5])), dim=4)

    pairs = Pairs.join(video, audio)

    assert sorted(video.pair[pairs.video_index]) == [3, 7]
    np.testing.assert_array_equal(video.pair[pairs.video_index], audio.pair[pairs.audio_index])


def test_fewer_than_two_pairs_are_refused(tmp_path: Path) -> None:
    video = Sequences.read(write(tmp_path / "video.npz", pair=np.array([3, 8, 9])), dim=4)
    audio = Sequences.read(write(tmp_path / "audio.npz"), dim=4)
    with pytest.raises(FeatureError):
        Pairs.join(video, audio)


def test_a_split_holds_every_pair_once(tmp_path: Path) -> None:
    numbers = np.arange(20)
    sequences = Sequences(random_codes(20, 4, seed=0), np.arange(21), numbers, 1.0)

    train, held_out = Pairs.join(sequences, sequences).split(0.15, np.random.default_rng(0))

    assert len(held_out) == 3
    assert sorted([*train.video_index, *held_out.video_index]) == numbers.tolist()
    np.testing.assert_array_equal(held_out.video_index, held_out.audio_index)


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
