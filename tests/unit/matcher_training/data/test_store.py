from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from matcher_training.data.items import Item, Layout
from matcher_training.data.store import RowStore, collect
from needledrop.errors import FeatureError
from needledrop.features import Modality


def matrices(count: int, dim: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (int(rng.integers(1, 9)), dim), dtype=np.uint8) for _ in range(count)]


def items(count: int) -> Iterator[Item]:
    for number, (video, audio) in enumerate(zip(matrices(count, 6), matrices(count, 3, seed=1), strict=True)):
        yield Item(f"v{number}", f"source {number}", video, audio)


@pytest.mark.parametrize("in_memory", [0, 100, 10**6])
def test_rows_come_back_in_order_wherever_they_were_kept(tmp_path: Path, in_memory: int) -> None:
    store = RowStore(tmp_path / "cache", in_memory)
    added = matrices(50, 6)
    for rows in added:
        store.add(rows, "here")

    sequences = store.sequences(hop_s=0.96, space="audio-1")

    assert isinstance(sequences.codes, np.memmap) == (in_memory < 10**6)
    assert len(sequences) == 50
    assert (sequences.hop_s, sequences.space) == (0.96, "audio-1")
    for index, rows in enumerate(added):
        np.testing.assert_array_equal(sequences[index], rows)


def test_rows_beyond_what_is_held_in_memory_are_written_at_once_and_leave_nothing_behind(tmp_path: Path) -> None:
    store = RowStore(tmp_path / "cache", in_memory=1000)
    for rows in matrices(200, 100):
        store.add(rows, "here")
        assert store.held_bytes <= 1000

    assert len(store.sequences(1.0, None).codes) > 200
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_stream_is_consumed_pair_by_pair(tmp_path: Path) -> None:
    waiting: list[int] = []

    def watched() -> Iterator[Item]:
        for number, item in enumerate(items(30)):
            waiting.append(number)
            yield item
            waiting.remove(number)

    pairs = collect([Layout(watched())], tmp_path, in_memory=100)

    assert len(pairs) == 30
    assert waiting == []


@pytest.mark.parametrize(
    "odd",
    [
        np.zeros((2, 7), np.uint8),
        np.zeros((2, 6), np.float32),
        np.zeros((0, 6), np.uint8),
        np.zeros(6, np.uint8),
        np.zeros((2, 6), np.int32),
        np.zeros((2, 6), np.complex64),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_a_sequence_unlike_the_others_is_refused_by_name(tmp_path: Path, odd: np.ndarray) -> None:
    store = RowStore(tmp_path)
    store.add(np.zeros((3, 6), np.uint8), "first")

    with pytest.raises(FeatureError, match="second"):
        store.add(odd, "second")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(FeatureError, match="not finite"):
        RowStore(tmp_path).add(np.full((2, 2), value, np.float32), "here")


def test_doubles_are_kept_as_float32(tmp_path: Path) -> None:
    store = RowStore(tmp_path)
    store.add(np.array([[0.1, 2.0]]), "here")

    assert store.sequences(1.0, None).codes.tolist() == [[np.float32(0.1), 2.0]]


def test_what_only_some_data_says_is_said_of_none(tmp_path: Path) -> None:
    some, others = list(items(4)), list(items(3))
    some = [Item(i.id, i.source, i.video, i.audio, music=True, group=1, labels=[2]) for i in some]

    alone, together = collect([Layout(iter(some))], None), collect([Layout(iter(some)), Layout(iter(others))], None)

    assert alone.music is not None
    assert alone.groups is not None
    assert alone.labels is not None
    assert (together.music, together.groups, together.labels) == (None, None, None)
    assert together.ids is not None
    assert together.ids.tolist() == ["v0", "v1", "v2", "v3", "v0", "v1", "v2"]


def test_data_of_other_hops_or_spaces_is_not_mixed() -> None:
    slow = dict.fromkeys(Modality, 2.0)
    for other in (Layout(items(2), slow), Layout(items(2), spaces={Modality.AUDIO: "audio-2"})):
        with pytest.raises(FeatureError, match="differ"):
            collect([Layout(items(2), spaces={Modality.AUDIO: "audio-1"}), other], None)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_pairs_are_refused(count: int) -> None:
    with pytest.raises(FeatureError, match=f"{count} pair"):
        collect([Layout(items(count))], None)
