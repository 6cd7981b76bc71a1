"""The extractors' command: `extract PATH... --bundle DIR --out DIR` writes `NAME.npy`, prints a line a file."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from needledrop.errors import NeedledropError
from needledrop.extraction import Extraction
from needledrop.features import matrix_to_bytes


class FileExtractor(Protocol):
    def extract(self, path: Path, progress: Callable[[float | None], None]) -> Extraction: ...


# Extracts a path, writes what it gives under `out/NAME`, returns what the file's line says of it.
FileWork = Callable[[Path, Path, Callable[[float | None], None]], str]


def extract_files(
    extractor: FileExtractor,
    paths: list[Path],
    out: Path,
    after: Callable[[Path], None] | None = None,
    suffix: str = "",
) -> int:
    """Extract each path to `out/NAME{suffix}.npy`; returns how many failed.

    `after(out/NAME)` is called for each that did not.

    Lines go to standard output, a progress bar to standard error where that is a terminal.
    """

    def work(path: Path, target: Path, progress: Callable[[float | None], None]) -> str:
        result = extractor.extract(path, progress)
        name = f"{target.name}{suffix}.npy"
        target.with_name(name).write_bytes(matrix_to_bytes(result.features))
        if after:
            after(target)
        rows, columns = result.features.shape
        return f"{name} uint8 [{rows}, {columns}], {result.info.duration_s:.2f} s"

    return work_files(paths, out, work)


def work_files(paths: list[Path], out: Path, work: FileWork) -> int:
    """Do the work for each path, with a line and a bar; returns how many failed with a `NeedledropError`."""
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not Console(stderr=True).is_terminal,
    )
    names = output_names(paths)
    with bar:
        overall = bar.add_task("files", total=len(paths))
        for path in paths:
            current = bar.add_task(path.name, total=1.0)
            try:
                line = work(path, out / names[path], partial(_advance, bar, current))
            except NeedledropError as error:
                failed += 1
                line = f"{error.code}: {error.detail}"
            print(f"{path}: {line}", flush=True)
            bar.remove_task(current)
            bar.advance(overall)
    return failed


def _advance(bar: Progress, task: TaskID, value: float | None) -> None:
    bar.update(task, completed=value or 0.0)


def output_names(paths: list[Path]) -> dict[Path, str]:
    """The output's name for each path: its stem, its whole name where stems are alike, numbered where names are."""
    named = {path: _named(path) for path in paths}
    stems = Counter(path.stem for path in named.values())
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path, own in named.items():
        name = own.stem if stems[own.stem] == 1 else own.name
        numbered = (f"{name}~{number}" for number in count(2))
        names[path] = next(candidate for candidate in chain([name], numbered) if candidate not in taken)
        taken.add(names[path])
    return names


def _named(path: Path) -> Path:
    """The path with a name: `.` and `..` have none of their own. A link keeps its own, not its target's."""
    return path.resolve() if path.name in {"", ".."} else path
