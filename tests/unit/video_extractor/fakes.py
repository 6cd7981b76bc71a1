"""A backbone and a decoder that do nothing but what a test can recompute."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from needledrop.features import FeatureSpace, Modality
from needledrop.messages import MediaInfo
from needledrop_models.video_pca import VideoPca
from video_extractor.inception import Frames, Pool

SPACE = FeatureSpace(Modality.VIDEO, "means", "0" * 64, "seed", "0" * 64, 1.0, 3)
# Puts each value of a colour, 0…255, in the middle of the quantiser's bin of that number.
COLOUR_PCA = VideoPca(np.full(3, 127.0), np.eye(3), np.full(3, 63.75**2))


class ColourMeans:
    """Each frame's mean red, green and blue. Remembers the sizes of its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def pool(self, frames: Frames) -> Pool:
        self.batches.append(len(frames))
        means: Pool = frames.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
        return means


class ListedFrames:
    """A reader of frames made beforehand; the duration that it tells changes when all have been read."""

    def __init__(self, frames: list[Frames], told_s: float, true_s: float) -> None:
        self.info = MediaInfo(duration_s=told_s)
        self._frames = frames
        self._true_s = true_s

    def __iter__(self) -> Iterator[Frames]:
        yield from self._frames
        self.info = MediaInfo(duration_s=self._true_s)


def opens(
    frames: list[Frames], told_s: float, true_s: float | None = None
) -> Callable[[Path], AbstractContextManager[ListedFrames]]:
    """Opens any path as these frames."""

    @contextmanager
    def open_frames(path: Path) -> Iterator[ListedFrames]:
        yield ListedFrames(frames, told_s, told_s if true_s is None else true_s)

    return open_frames


def colours(count: int) -> list[Frames]:
    """Frames of one random colour each, small."""
    drawn = np.random.default_rng(count).integers(0, 256, (count, 3), dtype=np.uint8)
    return [np.broadcast_to(colour, (4, 4, 3)).copy() for colour in drawn]
