"""`needledrop-train fit`: train a metric from pairs into a folder."""

import math
import shlex
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from matcher_training.commands.choices import (
    BundleOption,
    CacheOption,
    ComponentsOption,
    DataOption,
    HoldOutOption,
    MusicLabelsOption,
    PcaOption,
    RootOption,
    ShardsOption,
    apart,
    chosen_shards,
    read_data,
)
from matcher_training.fit.fitting import fit_metric
from matcher_training.fit.progress import FitProgress
from needledrop.metric import MetricCard
from needledrop.metric_kind import MetricKind
from needledrop_worker.memory import keep_memory


def fit(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="The metric's folder; a run that was cut off goes on.", file_okay=False)],
    recipe: Annotated[
        MetricKind, typer.Option(help=f"What kind of metric to train. {MetricKind.described()}.")
    ] = MetricKind.NEEDLEDROP,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data, same machine: the same metric.")] = 0,
    shards: ShardsOption = None,
    hold_out: HoldOutOption = None,
    name: Annotated[str | None, typer.Option(help="What the metric is called; by default as its folder.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Where the data is from, its licence, whom to credit: kept with the metric.")
    ] = None,
    all_pairs: Annotated[
        bool,
        typer.Option(
            "--all-pairs",
            help="Hold nothing out while training: every pair is trained on, and the last epoch counts. For a recipe "
            "that held-out pairs have shown to be good.",
        ),
    ] = False,
    bits: Annotated[
        int | None,
        typer.Option(min=2, max=8, help="Store large matrices in so many bits a weight: 8, a quarter; 5, a sixth."),
    ] = None,
    root: RootOption = None,
    cache: CacheOption = None,
    music_label_ids: MusicLabelsOption = None,
    bundle: BundleOption = None,
    pca: PcaOption = None,
    pca_components: ComponentsOption = 1024,
) -> None:
    """Train a metric, with the best recipe found for that kind of data."""
    keep_memory()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        pairs = read_data(data, root, cache, music_label_ids, bundle, pca, pca_components)
        if shards is not None:
            pairs = chosen_shards(pairs, shards)
        if hold_out is not None:
            pairs = apart(pairs, hold_out)[0]

        def show(progress: FitProgress) -> None:
            text = progress.stage
            if math.isfinite(progress.reciprocal_rank):
                text += f", held-out mean reciprocal rank {progress.reciprocal_rank:.3f}"
            bar.update(task, description=text, completed=progress.epoch, total=progress.epochs)
            if not console.is_terminal:
                console.print(f"{progress.epoch}/{progress.epochs} {text}", highlight=False)

        training = {"command": shlex.join(["needledrop-train", *sys.argv[1:]]), "source": source}
        card = fit_metric(
            pairs,
            pairs.take(np.arange(0)) if all_pairs else None,
            recipe,
            out,
            seed=seed,
            progress=show,
            name=name,
            training={key: value for key, value in training.items() if value is not None},
            bits=bits,
        )
    typer.echo(summary(card))


def summary(card: MetricCard) -> str:
    """One line: on how many pairs, and how it does on those held out."""
    begun = f"{card.name} ({card.kind}): {card.training['pairs']} pairs"
    held = card.training.get("held_out")
    if held is None:
        return f"{begun}; none held out"
    return (
        f"{begun}; {held['gallery']} held out: "
        f"recall@1 {held['recall_at_1']:.1%}, @5 {held['recall_at_5']:.1%}, @10 {held['recall_at_10']:.1%}, "
        f"median rank {held['median_rank']:g} (chance {held['chance_median_rank']:g})"
    )
