"""From a file to its features: decode, log-mel patches (CPU), VGGish (device), PCA and quantiser."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from audio_extractor.log_mel import PATCH_SAMPLES, SAMPLE_RATE
from audio_extractor.patches import Chunk, patch_batches, read_ahead
from audio_extractor.pca import Pca
from audio_extractor.runtime import start_tensorflow
from audio_extractor.vggish import EMBEDDING, Vggish
from needledrop.bundle import Bundle, SidePart
from needledrop.errors import BundleError, ErrorCode, MediaError
from needledrop.extraction import Extraction, Progress
from needledrop.features import FeatureSpace, Modality, quantise
from needledrop.messages import MediaInfo
from needledrop.settings import CoreSettings
from needledrop_media import open_audio, prepare

BATCH = 32


class Backbone(Protocol):
    """A network that runs on a device."""

    def embed(self, patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32 [n, 128] of log-mel patches, float32 [n, 96, 64]."""
        ...


class AudioReader(Protocol):
    """What `needledrop_media.open_audio` opens: chunks of mono float32 samples."""

    @property
    def info(self) -> MediaInfo: ...

    @property
    def progress(self) -> float | None: ...

    def __iter__(self) -> Iterator[Chunk]: ...


Opener = Callable[[Path], AbstractContextManager[AudioReader]]


@dataclass(frozen=True)
class Preprocessing:
    """`hop`: samples between patches. `final_relu`: whether the embedding is taken after its activation."""

    hop: int
    final_relu: bool


PREPROCESSINGS = {
    "seed": Preprocessing(hop=15360, final_relu=True),
    "yt8m": Preprocessing(hop=16000, final_relu=False),
}


class AudioExtractor:
    """Implements `needledrop.extraction.Extractor`. Memory does not grow with the file, but for its 512 bytes a row."""

    def __init__(
        self,
        space: FeatureSpace,
        preprocessing: Preprocessing,
        backbone: Backbone,
        pca: Pca,
        opener: Opener = open_audio,
        batch: int = BATCH,
    ) -> None:
        self.space = space
        self._preprocessing = preprocessing
        self._backbone = backbone
        self._pca = pca
        self._open = opener
        self._batch = batch

    def extract(self, path: Path, progress: Progress) -> Extraction:
        """uint8 [T, 128], a row for each whole patch of the file; `MediaError` where it has none or can't be decoded.

        Neither the decoder's chunks nor the batch size change the numbers.
        """
        if not path.is_file():
            raise MediaError(ErrorCode.MEDIA_UNREADABLE, "there is no such file")
        done: list[npt.NDArray[np.float32]] = []
        with self._open(path) as reader:
            # Closed before the reader is, so that no thread reads from a decoder that is gone.
            made = patch_batches(reader, self._preprocessing.hop, self._batch)
            with closing(read_ahead((patches, reader.progress) for patches in made)) as batches:
                for patches, reached in batches:
                    done.append(self._backbone.embed(patches))
                    progress(reached)
            info = reader.info
        if not done:
            seconds = PATCH_SAMPLES / SAMPLE_RATE
            raise MediaError(ErrorCode.MEDIA_TOO_SHORT, f"the sound is shorter than the {seconds} s of one patch")
        return Extraction(features=quantise(self._pca.apply(np.concatenate(done))), info=info)


def load(bundle: Bundle, settings: CoreSettings) -> AudioExtractor:
    """The extractor that the bundle's audio side describes, its model on the settings' device. Takes seconds.

    `BundleError` where the side is absent, malformed, altered, or of a kind that this extractor does not know.
    """
    prepare()
    pca = Pca.load(bundle.pca(Modality.AUDIO))
    return AudioExtractor(
        bundle.space(Modality.AUDIO), _preprocessing(bundle.audio), load_backbone(bundle, settings), pca
    )


def load_backbone(bundle: Bundle, settings: CoreSettings) -> Vggish:
    """The network of the bundle's audio side alone; `BundleError` as of `load`."""
    preprocessing = _preprocessing(bundle.audio)
    paths = [bundle.file(ref) for ref in bundle.audio.files]
    return Vggish.restore(_checkpoint(paths), start_tensorflow(settings), preprocessing.final_relu)


def _preprocessing(side: SidePart) -> Preprocessing:
    preprocessing = PREPROCESSINGS.get(side.preprocessing)
    if side.backbone != "vggish" or side.dim != EMBEDDING or preprocessing is None:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID,
            f"the audio side is {side.backbone} “{side.preprocessing}” with {side.dim} columns; this extractor knows "
            f"vggish with {EMBEDDING} columns and {' or '.join(PREPROCESSINGS)}",
        )
    if abs(side.hop_s - preprocessing.hop / SAMPLE_RATE) > 1e-9:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID,
            f"“{side.preprocessing}” has a hop of {preprocessing.hop / SAMPLE_RATE} s, the side says {side.hop_s} s",
        )
    return preprocessing


def _checkpoint(files: list[Path]) -> Path:
    """What TensorFlow calls the checkpoint: a V2 one's files without their endings, or a V1 one's only file."""
    for path in files:
        if path.suffix == ".index":
            return path.with_suffix("")
    if len(files) == 1:
        return files[0]
    raise BundleError(ErrorCode.BUNDLE_INVALID, "the audio side's files are not those of one TensorFlow checkpoint")
