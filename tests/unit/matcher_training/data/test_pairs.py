import numpy as np
import pytest

from matcher_training.data import Labels, Pairs, Sequences
from needledrop.errors import FeatureError


def sequences(pair: list[int]) -> Sequences:
    """One row a sequence, holding the number of the pair."""
    return Sequences(np.array(pair, np.float32)[:, None], np.arange(len(pair) + 1), np.array(pair), 1.0)


def described(count: int, groups: int) -> Pairs:
    """Pairs whose every description follows from their number."""
    numbers = np.arange(count)
    side = sequences(numbers.tolist())
    lengths = numbers % 3
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Pairs(
        side,
        side,
        numbers,
        numbers,
        music=numbers % 2 == 0,
        groups=numbers % groups,
        labels=Labels(np.repeat(numbers, lengths), offsets),
        ids=np.array([f"v{number}" for number in numbers]),
    )


def test_sides_are_joined_by_pair_number_and_what_one_side_lacks_is_left_out() -> None:
    video, audio = sequences([3, 7, 9]), sequences([7, 3, 5])

    pairs = Pairs.join(video, audio)

    assert sorted(video.pair[pairs.video_index]) == [3, 7]
    np.testing.assert_array_equal(video.pair[pairs.video_index], audio.pair[pairs.audio_index])


def test_fewer_than_two_pairs_are_refused() -> None:
    with pytest.raises(FeatureError):
        Pairs.join(sequences([3, 8, 9]), sequences([7, 3, 5]))


def test_what_is_known_of_a_pair_goes_with_it() -> None:
    pairs = described(30, groups=4)
    assert pairs.music is not None

    for part, wanted in [(pairs.take(np.array([5, 2, 11])), [5, 2, 11]), (pairs.subset(pairs.music), range(0, 30, 2))]:
        assert part.music is not None
        assert part.groups is not None
        assert part.labels is not None
        assert part.ids is not None
        assert len(part.labels) == len(part) == len(wanted)
        for index, number in enumerate(wanted):
            assert part.video_index[index] == part.audio_index[index] == number
            assert part.music[index] == (number % 2 == 0)
            assert part.groups[index] == number % 4
            assert part.labels[index].tolist() == [number] * (number % 3)
            assert part.ids[index] == f"v{number}"


@pytest.mark.parametrize("groups", [1, 9])
def test_a_split_holds_every_pair_once(groups: int) -> None:
    train, held_out = described(20, groups).split(0.15, np.random.default_rng(0))

    assert len(held_out) == 3
    assert sorted([*train.video_index, *held_out.video_index]) == list(range(20))
    np.testing.assert_array_equal(held_out.video_index, held_out.audio_index)


@pytest.mark.parametrize("share", [0.001, 0.2, 0.999])
def test_a_split_of_pairs_in_groups_tears_no_group_apart(share: float) -> None:
    train, held_out = described(300, groups=20).split(share, np.random.default_rng(0))

    assert train.groups is not None
    assert held_out.groups is not None
    assert not set(train.groups) & set(held_out.groups)
    assert set(train.groups) | set(held_out.groups) == set(range(20))
    assert len(held_out) == {0.001: 15, 0.2: 60, 0.999: 285}[share]


def test_groups_are_held_out_by_number() -> None:
    rest, chosen = described(12, groups=4).split_groups([1, 3])

    assert chosen.video_index.tolist() == [1, 3, 5, 7, 9, 11]
    assert rest.video_index.tolist() == [0, 2, 4, 6, 8, 10]


def test_groups_that_do_not_exist_are_refused() -> None:
    with pytest.raises(FeatureError, match="5, 7"):
        described(12, groups=4).split_groups([7, 1, 5])
    with pytest.raises(FeatureError, match="does not say"):
        Pairs.join(sequences([1, 2]), sequences([1, 2])).split_groups([1])
