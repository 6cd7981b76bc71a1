"""From a video file to its features: decode, backbone, PCA, quantiser, a batch at a time."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from needledrop.bundle import Bundle
from needledrop.errors import BundleError, ErrorCode, MediaError
from needledrop.extraction import Extraction, Progress
from needledrop.features import FeatureSpace, Modality
from needledrop.messages import MediaInfo
from needledrop.settings import CoreSettings
from needledrop_media import open_frames, prepare
from needledrop_models.video_pca import VideoPca
from video_extractor.inception import Backbone, Frames, Inception, Pool, choose_device
from video_extractor.network import POOL_DIM
from video_extractor.preprocessing import FRAME_SIZE, Preprocessing
from video_extractor.settings import Precision

HOP_S = 1.0
BATCH = 16
# What the space of features of key frames adds to the name of its preprocessing.
KEYFRAMES = "+keyframes"


class FrameReader(Protocol):
    """Frames, one a second, uint8 RGB [299, 299, 3]; `info` is final once they have been read."""

    @property
    def info(self) -> MediaInfo: ...

    def __iter__(self) -> Iterator[Frames]: ...


OpenFrames = Callable[[Path], AbstractContextManager[FrameReader]]


class VideoExtractor:
    """A loaded backbone and PCA. Memory is bounded by the batch; the features themselves are 1 KiB a second."""

    def __init__(
        self, space: FeatureSpace, backbone: Backbone, pca: VideoPca, open_source: OpenFrames, batch: int = BATCH
    ) -> None:
        self.space = space
        self._backbone = backbone
        self._pca = pca
        self._open = open_source
        self._batch = batch

    def extract(self, path: Path, progress: Progress, on_pool: Callable[[Pool], None] | None = None) -> Extraction:
        """Features of a video or of a folder of frames; `on_pool` is given the float32 [n, 2048] rows before PCA.

        `MediaError` where the file can't be used.
        """
        codes = []
        with self._open(path) as reader:
            # Closed before the reader is, so that no thread reads from a decoder that is gone.
            with closing(pooled_batches(self._backbone, reader, self._batch, progress)) as pools:
                for pooled in pools:
                    if on_pool:
                        on_pool(pooled)
                    codes.append(self._pca.codes(pooled))
            info = reader.info
        if not codes:
            raise MediaError(ErrorCode.NO_VIDEO, "the file holds no frame that can be decoded")
        return Extraction(np.concatenate(codes), info)


def load(
    bundle: Bundle, settings: CoreSettings, precision: Precision = Precision.FLOAT32, keyframes: bool = False
) -> VideoExtractor:
    """The bundle's video side on the device that the settings name; `BundleError` where it is incomplete or altered.

    `keyframes` looks at the key frame nearest to each second: far less decoding, other features, a space of its own.
    """
    prepare()
    part, space = bundle.video, bundle.space(Modality.VIDEO)
    pca = VideoPca.load(bundle.pca(Modality.VIDEO))
    if pca.components.shape != (part.dim, POOL_DIM):
        raise BundleError(
            ErrorCode.BUNDLE_INVALID, f"the video PCA does not lead from {POOL_DIM} to {part.dim} columns"
        )
    if keyframes:
        space = replace(space, preprocessing=space.preprocessing + KEYFRAMES)
    opened = partial(open_source, keyframes=keyframes)
    return VideoExtractor(space, load_backbone(bundle, settings, precision), pca, opened)


def load_backbone(bundle: Bundle, settings: CoreSettings, precision: Precision = Precision.FLOAT32) -> Inception:
    """What gives the rows before PCA; `BundleError` where the side is of a kind that this extractor does not know."""
    part = bundle.video
    if part.preprocessing not in list(Preprocessing) or part.hop_s != HOP_S:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID, f"video preprocessing {part.preprocessing} every {part.hop_s} s is not known"
        )
    preprocessing = Preprocessing(part.preprocessing)
    if part.backbone != preprocessing.network or len(part.files) != 1:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID,
            f"“{preprocessing}” takes one file of {preprocessing.network}, "
            f"the video backbone is {part.backbone} in {len(part.files)}",
        )
    if settings.threads:
        torch.set_num_threads(settings.threads)
    return Inception.load(bundle.file(part.files[0]), preprocessing, choose_device(settings.device), precision)


def pooled_batches(
    backbone: Backbone, reader: FrameReader, batch: int, progress: Progress
) -> Generator[Pool, None, None]:
    """float32 [n ≤ batch, 2048] rows before PCA, a row a frame; to be closed before the reader is.

    `progress` is told after each batch.
    """
    done = 0
    with closing(read_ahead(reader, batch)) as batches:
        for frames in batches:
            yield backbone.pool(frames)
            done += len(frames)
            duration = reader.info.duration_s
            progress(min(1.0, done * HOP_S / duration) if duration > 0 else None)


@contextmanager
def open_source(path: Path, keyframes: bool = False) -> Iterator[FrameReader]:
    """The frames of a video file, or of a folder of numbered images."""
    if path.is_dir():
        # Pillow takes a tenth of a second to import, and few have folders.
        from video_extractor.frame_folder import FrameFolder  # noqa: PLC0415

        yield FrameFolder(path, FRAME_SIZE)
        return
    with open_frames(path, size=FRAME_SIZE, keyframes=keyframes) as reader:
        yield reader


def read_ahead(frames: Iterable[Frames], batch: int) -> Generator[Frames, None, None]:
    """uint8 [n ≤ batch, H, W, 3] stacks; the next one is decoded while the caller works on this one."""
    source = iter(frames)

    def take() -> list[Frames]:
        return list(islice(source, batch))

    with ThreadPoolExecutor(1, thread_name_prefix="frames") as reader:
        pending = reader.submit(take)
        while taken := pending.result():
            pending = reader.submit(take)
            yield np.stack(taken)
