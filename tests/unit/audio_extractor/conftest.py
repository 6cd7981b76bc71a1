"""VGGish with the reference's stand-in weights, restored once, and ways to feed an extractor without decoding."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from audio_extractor.extractor import PREPROCESSINGS, AudioExtractor, Opener
from audio_extractor.runtime import Runtime, start_tensorflow
from audio_extractor.stand_in import stand_in_weights
from audio_extractor.vggish import Vggish, write_checkpoint
from needledrop.features import FeatureSpace, Modality
from needledrop.messages import MediaInfo
from needledrop.settings import CoreSettings
from tests.unit.audio_extractor.reference import SEED, reference_pca

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


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return start_tensorflow(CoreSettings(device="cpu"))


@pytest.fixture(scope="session")
def checkpoint(runtime: Runtime) -> Iterator[Path]:
    """The stand-in weights in a folder that is removed at the end: 288 MB are too many to keep."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vggish_model.ckpt"
        write_checkpoint(path, stand_in_weights(SEED), runtime)
        yield path


@pytest.fixture(scope="session")
def vggish(checkpoint: Path, runtime: Runtime) -> Vggish:
    return Vggish.restore(checkpoint, runtime)


@pytest.fixture
def make_extractor(vggish: Vggish) -> Make:
    """An extractor with the stand-in weights; keyword arguments as of AudioExtractor."""

    def make(preprocessing: str = "seed", **arguments: Any) -> AudioExtractor:
        space = FeatureSpace(Modality.AUDIO, "vggish", "weights", preprocessing, "pca", 0.96, 128)
        arguments = {"backbone": vggish, "pca": reference_pca(), **arguments}
        return AudioExtractor(space, PREPROCESSINGS[preprocessing], **arguments)

    return make


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """For tests that run a command in this process: it sends logs to a stream that ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
