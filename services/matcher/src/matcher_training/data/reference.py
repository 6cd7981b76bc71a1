"""The data set of the reference, uzeful/VA_Project: a folder a video with `afeat.npy` and `vfeat.npy`, and lists."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from matcher_training.data.items import Item
from matcher_training.data.sequences import Rows, invalid
from needledrop.arrays import array_from_bytes
from needledrop.features import Modality

AUDIO, VIDEO = "afeat.npy", "vfeat.npy"
HOP_S = {Modality.AUDIO: 0.96, Modality.VIDEO: 1.0}


def is_video_folder(folder: Path) -> bool:
    """Whether a folder holds either of the two files."""
    return (folder / AUDIO).is_file() or (folder / VIDEO).is_file()


def read_folders(folders: Iterable[Path]) -> Iterator[Item]:
    """A pair for each folder; `FeatureError` naming the first one that lacks a file or holds something else in one."""
    for folder in folders:
        yield Item(folder.name, folder.name, _matrix(folder / VIDEO), _matrix(folder / AUDIO))


def listed_folders(path: Path, root: Path) -> list[Path]:
    """The folders that a list names, one a line, relative to `root`; `FeatureError` where one is not there."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise invalid(f"{path.name} is not a text file with the name of a video folder a line") from error
    folders = []
    for number, name in enumerate((line.strip() for line in lines), start=1):
        if name and not is_video_folder(root / name):
            raise invalid(f"{path.name}, line {number}: no folder “{name}” with {AUDIO} and {VIDEO}")
        if name:
            folders.append(root / name)
    return folders


def _matrix(path: Path) -> Rows:
    where = f"{path.parent.name}/{path.name}"
    try:
        return array_from_bytes(path.read_bytes())
    except (OSError, ValueError, EOFError) as error:
        raise invalid(f"{where} is missing or no .npy array") from error
