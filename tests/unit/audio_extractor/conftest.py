"""VGGish with the reference's stand-in weights, restored once."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audio_extractor.extractor import PREPROCESSINGS, AudioExtractor
from audio_extractor.runtime import Runtime, start_tensorflow
from audio_extractor.stand_in import stand_in_weights
from audio_extractor.vggish import Vggish, write_checkpoint
from needledrop.features import FeatureSpace, Modality
from needledrop.settings import CoreSettings
from tests.audio_reference import SEED, reference_pca
from tests.unit.audio_extractor.fakes import Make


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
