"""The command `needledrop-models`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from needledrop.bundle import Bundle
from needledrop.commands import CommandGroup
from needledrop.metric import default_metric, metric_folder
from needledrop_models.archive import open_bundle
from needledrop_models.catalog import PcaSource, Space
from needledrop_models.choice import choose
from needledrop_models.complete import complete as complete_bundle
from needledrop_models.fetch import DOWNLOADS
from needledrop_models.fetch import fetch as fetch_spaces
from needledrop_models.hashes import read_hashes
from needledrop_models.listing import catalog_table, what_is_there
from needledrop_models.progress import show_bar
from needledrop_models.smoke import COMMAND, find_command, run_smoke_test
from needledrop_models.store import FileStore

app = typer.Typer(
    cls=CommandGroup, no_args_is_help=True, add_completion=False, help="Get, check and choose model bundles."
)
FITTING = "the PCA of its pictures is yours to fit (docs/models.md, “Fitting a PCA”), then: needledrop-models complete"


def main() -> None:
    """The console script."""
    app()


@app.command(name="list")
def list_models(
    models: Annotated[Path, typer.Option(help="Folder to look for bundles and fetched files in.")] = Path("models"),
) -> None:
    """Say what can be fetched, from where, under which licence, and what is in the models folder."""
    catalog_table()
    what_is_there(models)


@app.command()
def fetch(
    what: Annotated[Literal["official"], typer.Argument(help="`official`: the public weights.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; with --space all, of a bundle for each space.")],
    space: Annotated[Literal["seed", "imagenet", "yt8m", "all"], typer.Option(help="Feature space.")] = "yt8m",
    source: Annotated[
        str | None, typer.Option(help="Take every file from here: the start of an address, or a folder.")
    ] = None,
    hashes: Annotated[
        Path | None,
        typer.Option(help="A list in sha256sum's form, in place of the published hashes: for weights of your own."),
    ] = None,
    pca: Annotated[
        PcaSource, typer.Option(help="The form to take YouTube-8M's Inception PCA from: one gives one feature space.")
    ] = PcaSource.ARCHIVE,
    metric: Annotated[
        str | None,
        typer.Option(
            help="The metric for yt8m: a folder, or `default` for the shipped one. If not given, the bundle's own "
            "stays, and one without gets the shipped one."
        ),
    ] = None,
    smoke: Annotated[bool, typer.Option(help="Run VGGish's published smoke test at the end.")] = True,
) -> None:
    """Download the public weights, check them, and make bundles of them. What broke off goes on where it was."""
    spaces = list(Space) if space == "all" else [Space(space)]
    store = FileStore(out / DOWNLOADS, source)
    pins = read_hashes(hashes) if hashes else None
    done = fetch_spaces(
        spaces,
        out,
        store,
        show_bar,
        _say,
        metric=metric_folder(metric) if metric else None,
        default=default_metric(),
        pca=pca,
        hashes=pins,
    )
    for error in done.failures:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
    for bundle in done.bundles.values():
        bundle.verify()
        _say(f"{bundle.root}: {_state(bundle)}")
    passed = _smoke(next(iter(done.bundles.values()))) if smoke and done.bundles else True
    raise typer.Exit(1 if done.failures or not passed else 0)


@app.command()
def complete(
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="The bundle to add to.")],
    video_pca: Annotated[Path | None, typer.Option(help="PCA fitted by `needledrop-train pca`.")] = None,
    metric: Annotated[str | None, typer.Option(help="A metric's folder, or `default` for the shipped one.")] = None,
) -> None:
    """Put your own PCA, a metric, or both into a bundle."""
    done = complete_bundle(bundle, video_pca, metric_folder(metric) if metric else None)
    _say(f"{bundle}: {_state(done)}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="DIR|ARCHIVE", help="The bundle.")],
    smoke: Annotated[bool, typer.Option(help="Also run VGGish's published smoke test on its weights.")] = False,
) -> None:
    """Check the hash of every file in a bundle, and that its parts belong together. Loads no weights."""
    opened = open_bundle(bundle, strict=True)
    opened.verify()
    _say(f"{bundle}: {_state(opened)}")
    if smoke and not _smoke(opened):
        raise typer.Exit(1)


@app.command()
def use(
    bundle: Annotated[Path, typer.Argument(metavar="DIR|ARCHIVE", help="The bundle; an archive is unpacked.")],
    env: Annotated[Path, typer.Option(help="The settings file of the installation.")] = Path(".env"),
) -> None:
    """Make a bundle the one that this installation uses, from its next start on."""
    chosen = choose(bundle, env)
    _say(f"{env}: the bundle in use is {chosen.root}")
    _say("Now `docker compose up -d`, or `make down` and `make up`; features of other spaces are extracted anew.")


def _smoke(bundle: Bundle) -> bool:
    command = find_command()
    if command is None:
        _say(f"not run here: VGGish's smoke test; where the audio extractor is: {COMMAND} smoke --bundle {bundle.root}")
        return True
    return run_smoke_test(command, bundle.root)


def _state(bundle: Bundle) -> str:
    manifest = bundle.manifest
    lacks = [what for what, part in (("audio", manifest.audio), ("video", manifest.video)) if part is None]
    if manifest.video and manifest.video.pca is None:
        return f"right, not whole yet: {FITTING} {bundle.root} --video-pca FILE"
    if manifest.metric is None or lacks:
        return f"right, not whole yet: it lacks {', '.join([*lacks, *([] if manifest.metric else ['a metric'])])}"
    return f"right and whole, metric {manifest.metric.id}"


def _say(line: str) -> None:
    print(line, flush=True)
