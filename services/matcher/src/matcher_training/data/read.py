"""Reading training and evaluation data in any of the layouts."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from pathlib import Path

from matcher_training.data.items import Layout
from matcher_training.data.npz import npz_layout, training_layout
from matcher_training.data.pairs import Pairs
from matcher_training.data.reference import HOP_S, is_video_folder, listed_folders, read_folders
from matcher_training.data.sequences import invalid
from matcher_training.data.store import IN_MEMORY, collect
from matcher_training.data.youtube8m import MUSIC_LABELS, read_youtube8m

EXPECTED = (
    "expected are: a folder of video folders with afeat.npy and vfeat.npy, or a text file that lists such folders; "
    "YouTube-8M's .tfrecord files, or a folder of them; an .npz of pairs (rgb or video, and audio); a folder with "
    "video.npz and audio.npz; a folder of videos with sound"
)


def read_pairs(
    paths: Sequence[Path],
    cache: Path | None = None,
    *,
    root: Path | None = None,
    music_labels: Collection[int] | None = None,
    videos: Callable[[Path], Layout] | None = None,
    in_memory: int = IN_MEMORY,
) -> Pairs:
    """All pairs of these files and folders, one after the other, each in whichever layout it has.

    Everything is read as a stream; what takes more than `in_memory` bytes a side lies in a nameless file in `cache`.
    Names in a list of folders are relative to `root`, by default the list's own folder. `music_labels`: the label ids
    that make a pair music, where a file has labels but doesn't say so; YouTube-8M's have a default. `videos` turns a
    folder of videos with sound into pairs; without it such a folder is refused.

    `FeatureError` naming the file, and what was expected, where one is missing, malformed, or unlike the others.
    """
    numbers = count()
    layouts = [_layout(path, root, music_labels, numbers, videos) for path in paths]
    return collect(layouts, cache, in_memory)


def _layout(
    path: Path,
    root: Path | None,
    music_labels: Collection[int] | None,
    numbers: Iterator[int],
    videos: Callable[[Path], Layout] | None,
) -> Layout:
    if not path.exists():
        raise invalid(f"{path.name} is not there")
    if path.is_dir():
        return _folder(path, music_labels, numbers, videos)
    if path.suffix == ".npz":
        return npz_layout(path, music_labels)
    if path.suffix == ".tfrecord":
        return _tfrecords([path], music_labels, numbers)
    return Layout(read_folders(listed_folders(path, root or path.parent)), dict(HOP_S))


def _folder(
    path: Path,
    music_labels: Collection[int] | None,
    numbers: Iterator[int],
    videos: Callable[[Path], Layout] | None,
) -> Layout:
    inside = sorted(path.iterdir())
    if folders := [entry for entry in inside if entry.is_dir() and is_video_folder(entry)]:
        return Layout(read_folders(folders), dict(HOP_S))
    if records := [entry for entry in inside if entry.suffix == ".tfrecord"]:
        return _tfrecords(records, music_labels, numbers)
    if {"video.npz", "audio.npz"} <= {entry.name for entry in inside}:
        return training_layout(path)
    if videos is not None and any(entry.is_file() for entry in path.rglob("*")):
        return videos(path)
    raise invalid(f"{path.name} holds nothing to read; {EXPECTED}")


def _tfrecords(files: list[Path], music_labels: Collection[int] | None, numbers: Iterator[int]) -> Layout:
    numbered = [(next(numbers), file) for file in files]
    return Layout(read_youtube8m(numbered, MUSIC_LABELS if music_labels is None else music_labels))
