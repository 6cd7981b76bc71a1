"""Cutting a stream of sample chunks into the windows that patches are made of, in bounded memory."""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from audio_extractor.log_mel import PATCH_SAMPLES, log_mel_patch

T = TypeVar("T")
Chunk = npt.NDArray[np.floating[Any]]


def windows(chunks: Iterable[Chunk], hop: int) -> Iterator[Chunk]:
    """Yield [15,600] samples starting at 0, `hop`, 2·`hop`, … of the joined chunks; a shorter rest is dropped.

    Holds one chunk and one window at a time. Gaps between windows (`hop` > 15,600) are skipped.
    """
    pending = np.zeros(0, np.float32)
    skip = 0
    for chunk in chunks:
        dropped = min(skip, len(chunk))
        skip -= dropped
        pending = np.concatenate((pending, chunk[dropped:]))
        start = 0
        while len(pending) - start >= PATCH_SAMPLES:
            yield pending[start : start + PATCH_SAMPLES]
            start += hop
        skip += max(0, start - len(pending))
        pending = pending[start:]


def patch_batches(chunks: Iterable[Chunk], hop: int, size: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yield log-mel patches, float32 [n, 96, 64], of the joined chunks: n = `size`, less only in the last batch."""
    batch: list[npt.NDArray[np.float32]] = []
    for window in windows(chunks, hop):
        batch.append(log_mel_patch(window))
        if len(batch) == size:
            yield np.stack(batch)
            batch.clear()
    if batch:
        yield np.stack(batch)


def read_ahead(batches: Iterable[T]) -> Generator[T, None, None]:
    """The same batches (none is None), the next one made in a thread while the caller works on this. To be closed."""
    source = iter(batches)
    with ThreadPoolExecutor(1, thread_name_prefix="patches") as maker:
        pending = maker.submit(next, source, None)
        while (batch := pending.result()) is not None:
            pending = maker.submit(next, source, None)
            yield batch
