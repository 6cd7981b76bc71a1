"""Windows of a stream are those of the whole signal, in bounded memory."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_extractor.log_mel import log_mel_patch
from audio_extractor.patches import patch_batches, read_ahead, windows
from needledrop.errors import ErrorCode, MediaError

SIGNAL = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)


@settings(max_examples=60)
@given(
    cuts=st.lists(st.integers(0, len(SIGNAL)), max_size=30).map(sorted),
    hop=st.sampled_from([15360, 16000, 40_000]),
    length=st.integers(0, len(SIGNAL)),
)
def test_windows_do_not_depend_on_how_the_signal_is_cut(cuts: list[int], hop: int, length: int) -> None:
    signal = SIGNAL[:length]
    found = list(windows(np.split(signal, cuts), hop))
    wanted = [signal[start : start + 15600] for start in range(0, length - 15599, hop)]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_streamed_patches_equal_those_of_the_whole_signal_bit_for_bit() -> None:
    streamed = np.concatenate(list(patch_batches(np.array_split(SIGNAL, 37), 15360, 2)))
    whole = np.stack([log_mel_patch(SIGNAL[15360 * i : 15360 * i + 15600]) for i in range(len(streamed))])
    np.testing.assert_array_equal(streamed, whole)


@pytest.mark.parametrize(("size", "wanted"), [(1, [1] * 6), (4, [4, 2]), (6, [6]), (32, [6])])
def test_batches_are_full_but_for_the_last(size: int, wanted: list[int]) -> None:
    assert [len(batch) for batch in patch_batches([SIGNAL], 15360, size)] == wanted


def test_an_hour_needs_no_more_memory_than_a_chunk_and_a_window() -> None:
    def hour() -> Iterator[npt.NDArray[np.float32]]:
        for _ in range(3600):
            yield np.zeros(16000, np.float32)

    tracemalloc.start()
    count = sum(1 for _ in windows(hour(), 15360))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == (3600 * 16000 - 15600) // 15360 + 1
    assert peak < 8 * 16000 * 4


def test_batches_that_are_made_ahead_come_whole_and_in_order() -> None:
    made = [np.full((1, 96, 64), number, np.float32) for number in range(5)]
    with closing(read_ahead(made)) as batches:
        assert [batch[0, 0, 0] for batch in batches] == [0, 1, 2, 3, 4]


def test_one_batch_is_made_while_another_is_worked_on() -> None:
    second = Event()

    def making() -> Iterator[np.ndarray]:
        yield np.zeros((1, 96, 64), np.float32)
        second.set()
        yield np.ones((1, 96, 64), np.float32)

    with closing(read_ahead(making())) as batches:
        next(batches)
        assert second.wait(10)


def test_what_goes_wrong_while_a_batch_is_made_is_raised_where_it_is_wanted() -> None:
    def making() -> Iterator[np.ndarray]:
        yield np.zeros((1, 96, 64), np.float32)
        raise MediaError(ErrorCode.DECODER_CRASHED, "the decoder died")

    with closing(read_ahead(making())) as batches:
        next(batches)
        with pytest.raises(MediaError, match="the decoder died"):
            next(batches)
