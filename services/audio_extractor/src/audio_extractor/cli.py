"""The command `audio-extractor`."""

from pathlib import Path
from typing import Annotated

import typer

from audio_extractor.demo import make_audio_side
from audio_extractor.extractor import load
from audio_extractor.smoke import TOLERANCE, smoke_test
from audio_extractor.worker import serve
from needledrop.commands import CommandGroup
from needledrop.features import Modality
from needledrop.log import configure_logging
from needledrop.settings import CoreSettings
from needledrop_demo import TRAINING_PAIRS
from needledrop_extraction.command import extract_files
from needledrop_models.archive import open_bundle
from needledrop_worker.startup import starting

app = typer.Typer(cls=CommandGroup, no_args_is_help=True, add_completion=False, help="Turn audio into VGGish features.")


@app.command()
def extract(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Audio files, or videos with sound.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.npy, uint8 [T, 128].")],
    bundle: Annotated[
        Path | None, typer.Option(help="The model bundle: a folder or a .tar.zst; NEEDLEDROP_BUNDLE if not given.")
    ] = None,
) -> None:
    """Extract each file's features; prints a line a file. Ends with status 1 if any failed."""
    settings = _command_settings()
    opened = open_bundle(bundle or settings.bundle)
    with starting(opened, Modality.AUDIO):
        extractor = load(opened, settings)
    failed = extract_files(extractor, paths, out)
    raise typer.Exit(1 if failed else 0)


@app.command()
def smoke(
    bundle: Annotated[
        Path | None, typer.Option(help="The model bundle: a folder or a .tar.zst; NEEDLEDROP_BUNDLE if not given.")
    ] = None,
) -> None:
    """Run VGGish's published smoke test on the bundle's weights. Ends with status 1 unless they are the official."""
    settings = _command_settings()
    figures = smoke_test(open_bundle(bundle or settings.bundle), settings)
    for figure in figures:
        word = "right" if figure.passed else "WRONG"
        print(f"{word}: {figure.name} {figure.found:.6g}, published {figure.published:g} ± {TOLERANCE:.0%}")
    raise typer.Exit(0 if all(figure.passed for figure in figures) else 1)


@app.command()
def worker() -> None:
    """Serve extraction jobs from the queue until told to stop."""
    serve()


@app.command()
def make_demo(
    out: Annotated[Path, typer.Option(help="Folder of the demo bundle.")],
    pairs: Annotated[int, typer.Option(min=2, help="Generated scenes to fit the PCA on.")] = TRAINING_PAIRS,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and of the scenes.")] = 0,
) -> None:
    """Write the audio side of the demo bundle: seeded VGGish, PCA and training features. Skips a finished bundle."""
    make_audio_side(out, pairs, seed, _command_settings())


def _command_settings() -> CoreSettings:
    settings = CoreSettings(log_format="console", log_level="WARNING")
    configure_logging(settings, "audio-extractor")
    return settings
