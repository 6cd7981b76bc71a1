"""`.npz` files of pairs, read as a stream.

Pairs: `rgb` (or `video`) and `audio`, each [N, D] (one row a pair) or [N, T, D], of uint8, float16, float32 or float64;
where known also `music` bool [N], `labels` with `labels_offset` [N + 1], `shard` [N], `ids` [N], and the seconds from
row to row, `video_hop_s` and `audio_hop_s` (1 where absent).
"""

import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from matcher_training.data.items import Item, Layout
from matcher_training.data.pairs import Labels, Pairs
from matcher_training.data.sequences import Rows, Sequences, invalid
from needledrop.features import Modality

BLOCK = 4 * 2**20
OPTIONAL = ("music", "labels", "labels_offset", "shard", "ids", "video_hop_s", "audio_hop_s")
BROKEN = (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def npz_layout(path: Path, music_labels: Collection[int] | None) -> Layout:
    """An `.npz` of pairs; where it has no `music` but `labels`, `music_labels` say what is music.

    `FeatureError` naming the file where it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
            known = {name: file[name] for name in OPTIONAL if name in names}
    except BROKEN as error:
        raise invalid(f"{path.name} is not an .npz file of plain arrays") from error
    video = next((name for name in ("rgb", "video") if name in names), None)
    if video is None or "audio" not in names:
        raise invalid(
            f"{path.name}: rgb or video, and audio expected; it holds {', '.join(sorted(names)) or 'nothing'}"
        )
    hop_s = {modality: _hop(known.get(f"{modality}_hop_s"), path) for modality in Modality}
    return Layout(_items(path, video, known, music_labels), hop_s)


def training_layout(folder: Path) -> Layout:
    """A folder with `video.npz` and `audio.npz`, sequences with pair numbers; see `Sequences.read`."""
    pairs = Pairs.join(Sequences.read(folder / "video.npz"), Sequences.read(folder / "audio.npz"))
    items = (
        Item(str(pairs.video.pair[v]), f"{folder.name}, pair {pairs.video.pair[v]}", pairs.video[v], pairs.audio[a])
        for v, a in zip(pairs.video_index, pairs.audio_index, strict=True)
    )
    return Layout(items, {Modality.VIDEO: pairs.video.hop_s, Modality.AUDIO: pairs.audio.hop_s})


def _items(path: Path, video: str, known: dict[str, Any], music_labels: Collection[int] | None) -> Iterator[Item]:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            videos = _Member(stack.enter_context(archive.open(f"{video}.npy")), path, video)
            audios = _Member(stack.enter_context(archive.open("audio.npy")), path, "audio")
        except BROKEN as error:
            raise invalid(f"{path.name} is not an .npz file of plain arrays") from error
        if len(videos) != len(audios):
            raise invalid(f"{path.name}: {len(videos)} of {video}, {len(audios)} of audio: not pairs")
        labels = _labels(known, len(videos), path)
        music = _column(known, "music", "b", "truth value", len(videos), path)
        shard = _column(known, "shard", "iu", "whole number", len(videos), path)
        ids = _column(known, "ids", "U", "text", len(videos), path)
        for number, (seen, heard) in enumerate(zip(videos, audios, strict=True)):
            own = None if labels is None else labels[number].tolist()
            is_music = None if music is None else bool(music[number])
            if is_music is None and own is not None and music_labels is not None:
                is_music = not set(own).isdisjoint(music_labels)
            group = None if shard is None else int(shard[number])
            name = str(number) if ids is None else str(ids[number])
            yield Item(name, f"{path.name}, pair {number}", seen, heard, is_music, group, own)


class _Member:
    """An array [N, D] or [N, T, D] in an archive: iterating gives N arrays [T, D], reading a few megabytes ahead."""

    def __init__(self, file: IO[bytes], path: Path, name: str) -> None:
        self._file = file
        self._where = f"{path.name}, {name}"
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        self._shape, fortran, self._dtype = read(file)
        if fortran or self._dtype.hasobject or len(self._shape) not in (2, 3) or 0 in self._shape:
            raise invalid(
                f"{self._where}: [N, D] or [N, T, D] in C order expected, this is {self._dtype} {list(self._shape)}"
            )

    def __len__(self) -> int:
        return int(self._shape[0])

    def __iter__(self) -> Iterator[Rows]:
        each = self._shape[1:]
        size = int(np.prod(each)) * self._dtype.itemsize
        left = len(self)
        while left:
            count = min(left, max(1, BLOCK // size))
            block = np.frombuffer(self._read(count * size), self._dtype).reshape(count, *each)
            left -= count
            yield from (block[:, None] if block.ndim == 2 else block)

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except BROKEN as error:
            raise invalid(f"{self._where} is damaged") from error
        if len(data) != size:
            raise invalid(f"{self._where} ends early")
        return data


def _column(known: dict[str, Any], name: str, kinds: str, what: str, count: int, path: Path) -> npt.NDArray[Any] | None:
    values = known.get(name)
    if values is not None and (values.shape != (count,) or values.dtype.kind not in kinds):
        raise invalid(f"{path.name}: {name} is {values.dtype} {list(values.shape)}, one {what} a pair expected")
    return values


def _labels(known: dict[str, Any], count: int, path: Path) -> Labels | None:
    ids, offsets = known.get("labels"), known.get("labels_offset")
    if ids is None and offsets is None:
        return None
    if ids is None or offsets is None or offsets.shape != (count + 1,) or ids.ndim != 1:
        raise invalid(f"{path.name}: labels go with labels_offset, one more than there are pairs")
    if not all(np.issubdtype(array.dtype, np.integer) for array in (ids, offsets)):
        raise invalid(f"{path.name}: labels and labels_offset hold whole numbers")
    if offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets.astype(np.int64)) < 0).any():
        raise invalid(f"{path.name}: labels_offset must rise from 0 to the number of labels")
    return Labels(ids.astype(np.int64), offsets.astype(np.int64))


def _hop(value: npt.NDArray[Any] | None, path: Path) -> float:
    if value is None:
        return 1.0
    if value.ndim != 0 or not np.issubdtype(value.dtype, np.number) or not value > 0:
        raise invalid(f"{path.name}: video_hop_s and audio_hop_s are one positive number each")
    return float(value)
