"""Ways to feed an extractor without decoding."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_extractor.extractor import AudioExtractor, Opener
from needledrop.messages import MediaInfo

Make = Callable[..., AudioExtractor]


class ChunkReader:
    """A reader that gives these samples in chunks of these sizes, the last size repeated."""

    def __init__(self, samples: npt.NDArray[np.float32], sizes: tuple[int, ...]) -> None:
        self.info = MediaInfo(duration_s=len(samples) / 16000)
        self.progress: float | None = 0.0
        self._samples = samples
        self._sizes = sizes

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        sizes, start = list(self._sizes), 0
        while start < len(self._samples):
            size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
            start += size
            self.progress = min(1.0, start / len(self._samples))
            yield self._samples[start - size : start]


def opener(samples: npt.NDArray[np.float32], *sizes: int) -> Opener:
    """Opens any path as these samples."""

    @contextmanager
    def open_samples(path: Path) -> Iterator[ChunkReader]:
        yield ChunkReader(samples, sizes or (16000,))

    return open_samples
