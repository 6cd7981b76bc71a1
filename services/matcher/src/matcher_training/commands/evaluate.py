"""`needledrop-train evaluate`: how well metrics find the sound that belongs to a picture, and the other way round."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from matcher_training.bundles.loading import load_tower_embedder
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
    gallery_sizes,
    read_data,
)
from matcher_training.data import Pairs
from matcher_training.evaluation.markdown import markdown
from matcher_training.evaluation.recording import record_figures
from matcher_training.evaluation.report import evaluate_metric, write_report
from needledrop.errors import ErrorCode, FeatureError
from needledrop.metric import DEFAULT, metric_folder


class SubsetName(StrEnum):
    ALL = "all"
    MUSIC = "music"


def evaluate(
    data: DataOption,
    metric: Annotated[
        str, typer.Option(help="The metric's folder, or “default” for the one that is shipped.")
    ] = DEFAULT,
    gallery: Annotated[str, typer.Option(help="Gallery sizes, “all” being as many as there are.")] = "256,1024",
    draws: Annotated[int, typer.Option(min=1, help="How many galleries are drawn of each size.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data: the same galleries.")] = 0,
    subset: Annotated[
        SubsetName | None, typer.Option(help="Only these pairs; by default all, and music where the data says so.")
    ] = None,
    shards: ShardsOption = None,
    hold_out: HoldOutOption = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="Another metric to compare with on the same galleries; repeatable.")
    ] = None,
    root: RootOption = None,
    cache: CacheOption = None,
    music_labels: MusicLabelsOption = None,
    bundle: BundleOption = None,
    pca: PcaOption = None,
    pca_components: ComponentsOption = 1024,
    json: Annotated[Path | None, typer.Option(help="File for the report as JSON.", dir_okay=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for report.json, report.md, recall.png, similarity.png.", file_okay=False),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the figures with the metric, in its metric.json.")
    ] = False,
) -> None:
    """Measure recall at 1, 5 and 10, median and mean rank, in both directions, and print them as a table."""
    sizes = gallery_sizes(gallery)
    pairs = read_data(data, root, cache, music_labels, bundle, pca, pca_components)
    if shards is not None:
        pairs = chosen_shards(pairs, shards)
    if hold_out is not None:
        pairs = apart(pairs, hold_out)[1]
    names = _names([metric, *(baseline or [])])
    embedders = {label: load_tower_embedder(metric_folder(name), pairs) for label, name in names.items()}
    first = next(iter(embedders))
    subsets = _subsets(pairs, subset)
    count = len(pairs) if subsets is None else min(int(mask.sum()) for mask in subsets.values())
    report = evaluate_metric(
        embedders.pop(first),
        pairs,
        name=first,
        galleries=_possible(sizes, count),
        draws=draws,
        seed=seed,
        subsets=subsets,
        baselines=embedders,
        data=[path.name for path in data],
    )
    typer.echo(markdown(report), nl=False)
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_text(report.model_dump_json() + "\n", encoding="utf-8")
    if out is not None:
        write_report(report, out)
    if record:
        record_figures(report, metric_folder(metric), shlex.join(["needledrop-train", *sys.argv[1:]]))


def _possible(sizes: tuple[int | None, ...], count: int) -> tuple[int | None, ...]:
    """The sizes that `count` pairs suffice for; the others are left out aloud, where any remains."""
    possible = tuple(size for size in sizes if size is None or size <= count)
    if not possible:
        return sizes
    for size in sizes:
        if size not in possible:
            typer.echo(f"no gallery of {size}: there are {count} pairs", err=True)
    return possible


def _names(metrics: list[str]) -> dict[str, str]:
    """What each metric is called in the report: its folder's name, or the whole path where two are alike."""
    short = [name if name == DEFAULT else Path(name).resolve().name for name in metrics]
    return {label if short.count(label) == 1 else name: name for label, name in zip(short, metrics, strict=True)}


def _subsets(pairs: Pairs, subset: SubsetName | None) -> dict[str, npt.NDArray[np.bool_]] | None:
    if subset is None:
        return None
    if subset is SubsetName.ALL:
        return {SubsetName.ALL: np.ones(len(pairs), np.bool_)}
    if pairs.music is None:
        raise FeatureError(
            ErrorCode.FEATURES_INVALID,
            "the data does not say which pairs are music; --music-labels can, where it has labels",
        )
    return {SubsetName.MUSIC: pairs.music}
