"""Collecting a stream of pairs: in memory while they are few, in a memory-mapped file beyond that."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TypeVar

import numpy as np

from matcher_training.data.items import Item, Layout
from matcher_training.data.pairs import Labels, Pairs
from matcher_training.data.sequences import Rows, Sequences, check_rows, invalid
from needledrop.features import Modality

IN_MEMORY = 256 * 2**20
FLUSH = 16 * 2**20
NOTHING: Rows = np.empty((0, 0), np.uint8)

_T = TypeVar("_T")


class RowStore:
    """Sequences of one side, as they come. All have one width and one type.

    Up to `in_memory` bytes are held; with more, all rows go to a nameless file in `folder` (the system's own for such
    files where None), which takes disk space for as long as the rows are in use.
    """

    def __init__(self, folder: Path | None, in_memory: int = IN_MEMORY) -> None:
        self._folder = folder
        self._in_memory = in_memory
        self._held: list[Rows] = []
        self.held_bytes = 0
        self._lengths: list[int] = []
        self._first: Rows | None = None
        self._file: IO[bytes] | None = None

    def add(self, rows: Rows, name: str) -> None:
        """Append a sequence [T, D]; `FeatureError` naming `name` where it is malformed or unlike the first one."""
        if rows.dtype == np.float64:
            rows = rows.astype(np.float32)
        check_rows(rows, name, None if self._first is None else self._first.shape[1])
        if self._first is None:
            self._first = rows
        if rows.dtype != self._first.dtype:
            raise invalid(f"{name}: features of {rows.dtype}, those before it are {self._first.dtype}")
        # A copy, so that a view doesn't keep alive the whole block that it was cut from.
        self._held.append(np.array(rows))
        self.held_bytes += rows.nbytes
        self._lengths.append(len(rows))
        if self.held_bytes > (self._in_memory if self._file is None else min(FLUSH, self._in_memory)):
            self._flush()

    def sequences(self, hop_s: float, space: str | None) -> Sequences:
        """All that was added, pair numbers from 0 in the order of adding."""
        offsets = np.concatenate([[0], np.cumsum(self._lengths)]).astype(np.int64)
        return Sequences(self._rows(), offsets, np.arange(len(self._lengths), dtype=np.int64), hop_s, space)

    def _rows(self) -> Rows:
        if self._file is None:
            return np.concatenate(self._held)
        self._flush()
        assert self._first is not None
        shape = (sum(self._lengths), self._first.shape[1])
        # The map keeps the file alive; its name is gone already, so nothing is left behind whatever ends the process.
        return np.memmap(self._file, dtype=self._first.dtype, mode="r", shape=shape)

    def _flush(self) -> None:
        if self._file is None:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        for rows in self._held:
            self._file.write(np.ascontiguousarray(rows).data)
        self._file.flush()
        self._held, self.held_bytes = [], 0


def collect(layouts: Sequence[Layout], folder: Path | None, in_memory: int = IN_MEMORY) -> Pairs:
    """The pairs of all layouts, in order. What one of them does not say of its pairs is None for all.

    `FeatureError` where two differ in width, type, hop or feature space, or there are fewer than two pairs.
    """
    video, audio = RowStore(folder, in_memory), RowStore(folder, in_memory)
    known: list[Item] = []
    for item in (item for layout in layouts for item in layout.items):
        video.add(item.video, f"{item.source}, video")
        audio.add(item.audio, f"{item.source}, audio")
        known.append(replace(item, video=NOTHING, audio=NOTHING))
    if len(known) < 2:
        raise invalid(f"{len(known)} pair found: there is nothing to tell apart")
    music, groups = _all([item.music for item in known]), _all([item.group for item in known])
    labels = _all([item.labels for item in known])
    numbers = np.arange(len(known), dtype=np.int64)
    return Pairs(
        video.sequences(*_description(layouts, Modality.VIDEO)),
        audio.sequences(*_description(layouts, Modality.AUDIO)),
        numbers,
        numbers,
        music=None if music is None else np.array(music, np.bool_),
        groups=None if groups is None else np.array(groups, np.int64),
        labels=None if labels is None else Labels.of(labels),
        ids=np.array([item.id for item in known], np.str_),
    )


def _description(layouts: Sequence[Layout], modality: Modality) -> tuple[float, str | None]:
    """Hop and feature space of a side, which all layouts must share."""
    found = {(layout.hop_s[modality], layout.spaces.get(modality)) for layout in layouts}
    if len(found) > 1:
        sides = "; ".join(
            f"a row every {hop_s:g} s, space {space or 'not named'}" for hop_s, space in sorted(found, key=str)
        )
        raise invalid(f"the {modality} features of the data sets differ: {sides}")
    return found.pop()


def _all(values: list[_T | None]) -> list[_T] | None:
    """The values, or None where one is None."""
    present = [value for value in values if value is not None]
    return present if len(present) == len(values) else None
