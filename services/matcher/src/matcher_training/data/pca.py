"""Fitting the whitening PCA between a video backbone and the quantiser, on raw rows as a stream."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import IncrementalPCA

from matcher_training.data.sequences import check_rows, invalid
from needledrop_models.video_pca import VideoPca

Floats = npt.NDArray[np.float32]
BATCH = 2048
LEAST_VARIANCE = 1e-9


def raw_files(paths: Sequence[Path]) -> list[Path]:
    """The `.npy` files among the paths, and every `*.raw.npy` in the folders; `FeatureError` where there is none."""
    files = []
    for path in paths:
        found = sorted(path.rglob("*.raw.npy")) if path.is_dir() else [path]
        if not found:
            raise invalid(f"{path.name} holds no *.raw.npy; `video-extractor extract --raw` writes them")
        files += found
    return files


def fit_pca(
    files: Sequence[Path], components: int, progress: Callable[[int], None] = lambda done: None, batch: int = BATCH
) -> tuple[VideoPca, int]:
    """A PCA of the rows of all files, float [T, K] each, and how many rows there were. Memory holds two batches.

    `progress` is given the number of files that have been read. `FeatureError` where a file is malformed, there are no
    more rows than components, or fewer than `components` directions in which they vary: whitening would blow nothing
    up into noise.
    """
    columns = _open(files[0]).shape[1]
    if components > columns:
        raise invalid(f"{components:,} components can't be had from rows of {columns:,} columns")
    model = IncrementalPCA(n_components=components)
    for rows in _batches(_rows(files, columns, progress), max(batch, components)):
        # Only a first and only batch can be too small: a short last one is joined to the one before it.
        if len(rows) <= components:
            raise invalid(
                f"{len(rows):,} rows are too few for {components:,} components: a PCA takes more rows than components, "
                "and ten times as many to be a good one. Add videos, or ask for fewer --components"
            )
        # scikit-learn divides by the rows' variance, which may be none.
        with np.errstate(invalid="ignore"):
            model.partial_fit(rows)
    variance = model.explained_variance_
    varying = int((variance > LEAST_VARIANCE * variance[0]).sum())
    if varying < components or variance[0] <= 0:
        raise invalid(f"the rows vary in {varying:,} directions only: ask for {varying:,} --components or fewer")
    parts = (model.mean_, model.components_, variance)
    # As its file holds it, so that a PCA gives the same codes before and after it is written.
    return VideoPca(*(np.asarray(part, np.float32).astype(np.float64) for part in parts)), int(model.n_samples_seen_)


def _rows(files: Sequence[Path], columns: int, progress: Callable[[int], None]) -> Iterator[npt.NDArray[Any]]:
    for number, path in enumerate(files, start=1):
        yield check_rows(np.array(_open(path)), path.name, columns)
        progress(number)


def _open(path: Path) -> npt.NDArray[Any]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise invalid(f"{path.name} is missing or no .npy array") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind != "f":
        raise invalid(f"{path.name} does not hold raw rows, float [T, K]")
    return rows


def _batches(parts: Iterable[npt.NDArray[Any]], size: int) -> Iterator[Floats]:
    """float32 batches of `size` rows, the last one with up to twice as many, so that none is short but an only one."""
    held: list[npt.NDArray[Any]] = []
    count = 0
    for part in parts:
        held.append(part)
        count += len(part)
        while count >= 2 * size:
            rows = np.concatenate(held)
            yield rows[:size].astype(np.float32)
            held, count = [rows[size:]], count - size
    if count:
        yield np.concatenate(held).astype(np.float32)
