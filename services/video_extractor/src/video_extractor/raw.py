"""Features before PCA, kept beside an extraction for those who fit a PCA of their own."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from needledrop.extraction import Extraction, Progress
from video_extractor.extractor import VideoExtractor
from video_extractor.inception import Pool


class RawKeeper:
    """Extracts as its extractor does, and holds the latest file's rows before PCA until `write`."""

    def __init__(self, extractor: VideoExtractor) -> None:
        self._extractor = extractor
        self._rows: list[npt.NDArray[np.float16]] = []

    def extract(self, path: Path, progress: Progress) -> Extraction:
        self._rows = []
        return self._extractor.extract(path, progress, self._keep)

    def write(self, target: Path) -> None:
        """Write `TARGET.raw.npy`, float16 [T, 2048]."""
        np.save(target.with_name(f"{target.name}.raw.npy"), np.concatenate(self._rows), allow_pickle=False)

    def _keep(self, pooled: Pool) -> None:
        self._rows.append(pooled.astype(np.float16))
