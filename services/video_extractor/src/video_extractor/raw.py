"""Features before PCA: kept beside an extraction, or extracted alone where there is no PCA yet to fit codes with."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from needledrop.errors import ErrorCode, MediaError
from needledrop.extraction import Extraction, Progress
from video_extractor.extractor import BATCH, HOP_S, OpenFrames, VideoExtractor, pooled_batches
from video_extractor.inception import Backbone, Pool

RawRows = npt.NDArray[np.float16]


class RawKeeper:
    """Extracts as its extractor does, and holds the latest file's rows before PCA until `write`."""

    def __init__(self, extractor: VideoExtractor) -> None:
        self._extractor = extractor
        self._rows: list[RawRows] = []

    def extract(self, path: Path, progress: Progress) -> Extraction:
        self._rows = []
        return self._extractor.extract(path, progress, self._keep)

    def write(self, target: Path) -> None:
        """Write `TARGET.raw.npy`, float16 [T, 2048]."""
        write_raw(target, np.concatenate(self._rows))

    def _keep(self, pooled: Pool) -> None:
        self._rows.append(pooled.astype(np.float16))


def extract_raw(backbone: Backbone, open_source: OpenFrames) -> Callable[[Path, Path, Progress], str]:
    """Work for `needledrop_extraction.command.work_files`: writes `NAME.raw.npy`, float16 [T, 2048], alone."""

    def work(path: Path, target: Path, progress: Progress) -> str:
        with open_source(path) as reader, closing(pooled_batches(backbone, reader, BATCH, progress)) as pools:
            rows = [pooled.astype(np.float16) for pooled in pools]
        if not rows:
            raise MediaError(ErrorCode.NO_VIDEO, "the file holds no frame that can be decoded")
        raw = np.concatenate(rows)
        write_raw(target, raw)
        return f"{target.name}.raw.npy float16 {list(raw.shape)}, {len(raw) * HOP_S:.2f} s"

    return work


def write_raw(target: Path, rows: RawRows) -> None:
    """Write `TARGET.raw.npy`, which `needledrop-train pca` fits a PCA on."""
    np.save(target.with_name(f"{target.name}.raw.npy"), rows, allow_pickle=False)
