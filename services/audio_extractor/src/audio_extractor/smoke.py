"""VGGish's published smoke test: what the official weights make of 3 s of a 1 kHz sine."""

import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_extractor.extractor import BATCH, PREPROCESSINGS, Preprocessing, load_backbone
from audio_extractor.patches import patch_batches
from audio_extractor.pca import Pca
from needledrop.bundle import Bundle
from needledrop.features import Modality, quantise
from needledrop.settings import CoreSettings
from needledrop_media import open_audio

SECONDS, HERTZ = 3, 1000
TOLERANCE = 0.1


@dataclass(frozen=True)
class Published:
    """Mean and standard deviation, of the embeddings and of AudioSet's codes, and the rate the sine was made at."""

    rate: int
    embeddings: tuple[float, float]
    codes: tuple[float, float]


# tensorflow/models, research/audioset/vggish/vggish_smoke_test.py: its first version, with the final ReLU, resampled a
# sine of 44.1 kHz; the one of July 2023, without the ReLU, makes it at 16 kHz.
WITH_RELU = Published(44100, (0.131, 0.238), (123.0, 75.0))
WITHOUT_RELU = Published(16000, (0.000657, 0.343), (126.0, 89.3))


@dataclass(frozen=True)
class Figure:
    """One number, and what is published for it."""

    name: str
    found: float
    published: float

    @property
    def passed(self) -> bool:
        return bool(abs(self.found - self.published) <= TOLERANCE * self.published)


def smoke_test(bundle: Bundle, settings: CoreSettings) -> list[Figure]:
    """The bundle's VGGish on the sine, through the extractor's own decoding and front end. Takes seconds.

    Codes are published for AudioSet's PCA only, so there are two figures more where the bundle's preprocessing has it.
    `BundleError` as of `load_backbone`.
    """
    preprocessing = PREPROCESSINGS.get(bundle.audio.preprocessing, PREPROCESSINGS["seed"])
    published = WITH_RELU if preprocessing.final_relu else WITHOUT_RELU
    backbone = load_backbone(bundle, settings)
    embeddings = np.concatenate([backbone.embed(patches) for patches in _sine_patches(published.rate, preprocessing)])
    figures = list(_figures("embedding", embeddings, published.embeddings))
    if preprocessing.final_relu:
        codes = quantise(Pca.load(bundle.pca(Modality.AUDIO)).apply(embeddings))
        figures += _figures("code", codes, published.codes)
    return figures


def _sine_patches(rate: int, preprocessing: Preprocessing) -> Iterator[npt.NDArray[np.float32]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sine.wav"
        sine = np.sin(2 * np.pi * HERTZ * np.arange(SECONDS * rate) / rate)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.round(32767 * sine).astype("<i2").tobytes())
        with open_audio(path) as reader:
            yield from patch_batches(reader, preprocessing.hop, BATCH)


def _figures(what: str, values: npt.NDArray[Any], published: tuple[float, float]) -> Iterator[Figure]:
    yield Figure(f"{what} mean", float(values.mean()), published[0])
    yield Figure(f"{what} standard deviation", float(values.std()), published[1])
