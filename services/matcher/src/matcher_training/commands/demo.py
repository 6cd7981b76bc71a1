"""`needledrop-train demo`: the demo bundle's metric."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from matcher_training.bundles.demo import RECIPE, make_demo
from matcher_training.evaluation.retrieval import chance_median_rank


def demo(
    bundle: Annotated[Path, typer.Option(help="The folder both extractors' make-demo wrote to.", file_okay=False)],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data: the same metric.")] = 0,
) -> None:
    """Train the demo bundle's metric on generated pairs, and finish the bundle."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("epochs", total=RECIPE.epochs)
        trained = make_demo(bundle, seed, progress=lambda epoch: bar.update(task, completed=epoch))
    if trained is None:
        typer.echo("the bundle is there already: nothing to do")
        return
    figures = trained.held_out
    typer.echo(
        f"demo metric ({RECIPE.kind}): {trained.trained_on} generated pairs, {trained.seconds:.1f} s; "
        f"{figures.gallery} held out: median rank {figures.median_rank:g} "
        f"(chance {chance_median_rank(figures.gallery):g}), recall@1 {figures.recall_at_1:.0%}, "
        f"recall@5 {figures.recall_at_5:.0%}"
    )
