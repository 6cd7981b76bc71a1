"""`needledrop-train pca`: the video PCA, fitted on the user's own features."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from matcher_training.data.pca import fit_pca, raw_files


def pca(
    data: Annotated[
        list[Path], typer.Option(help="Folder of *.raw.npy from `video-extractor extract --raw`; repeatable.")
    ],
    out: Annotated[Path, typer.Option(help="The .npz to write: mean, components, explained_variance.", dir_okay=False)],
    components: Annotated[int, typer.Option(min=1, help="Columns after the PCA.")] = 1024,
) -> None:
    """Fit a whitening PCA on raw features; `needledrop-models complete` puts it into a bundle."""
    files = raw_files(data)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("files", total=len(files))
        fitted, rows = fit_pca(files, components, progress=lambda done: bar.update(task, completed=done))
    fitted.save(out)
    typer.echo(f"{out.name}: {rows:,} rows of {len(files):,} files, {len(fitted.mean):,} → {components:,} columns")
