"""`needledrop-train export`: put a metric into a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from matcher_training.bundles.export import export_metric
from needledrop.metric import DEFAULT, metric_folder
from needledrop_models.archive import open_bundle


def export(
    bundle: Annotated[Path, typer.Option(help="A bundle with the sides that the metric was trained on.")],
    out: Annotated[Path, typer.Option(help="The new bundle: a folder, or an archive where it ends in .tar.zst.")],
    metric: Annotated[
        str, typer.Option(help="The metric's folder, or “default” for the one that is shipped.")
    ] = DEFAULT,
    name: Annotated[str | None, typer.Option(help="What the new bundle is called.")] = None,
) -> None:
    """Make a bundle of another bundle's sides and a trained metric, ready for the system to use."""
    made = export_metric(metric_folder(metric), open_bundle(bundle), out, name)
    typer.echo(f"{made.manifest.name}: {made.metric.id}, in {out}")
