"""A bar for the file that is being fetched, on a terminal only."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from needledrop_models.catalog import PublicFile
from needledrop_models.download import OnBytes


@contextmanager
def show_bar(file: PublicFile) -> Iterator[OnBytes]:
    """Gives what to call with the bytes there are; draws to standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(file.name, total=file.size)

        def on_bytes(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield on_bytes
