"""`needledrop-train demo`: the demo bundle's metric."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from matcher_training.bundles.demo import RECIPE, make_demo
from matcher_training.commands.fit import summary


def demo(
    bundle: Annotated[Path, typer.Option(help="The folder both extractors' make-demo wrote to.", file_okay=False)],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data: the same metric.")] = 0,
) -> None:
    """Train the demo bundle's metric on generated pairs, and finish the bundle."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("epochs", total=RECIPE.epochs)
        card = make_demo(bundle, seed, progress=lambda told: bar.update(task, completed=told.epoch))
    typer.echo("the bundle is there already: nothing to do" if card is None else summary(card))
