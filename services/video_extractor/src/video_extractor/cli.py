"""The command `video-extractor`. PyTorch is imported by the commands that need it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from needledrop.commands import CommandGroup
from needledrop.features import Modality
from needledrop.log import configure_logging
from needledrop_demo import TRAINING_PAIRS
from needledrop_extraction.command import extract_files, work_files
from needledrop_models.archive import open_bundle
from needledrop_worker.startup import starting
from video_extractor.settings import VideoSettings

app = typer.Typer(
    cls=CommandGroup, no_args_is_help=True, add_completion=False, help="Turn videos into Inception v3 features."
)


def main() -> None:
    """The console script."""
    app()


@app.command()
def extract(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Videos, or folders of frames (000.jpg, …).")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.npy, uint8 [T, 1024].")],
    bundle: Annotated[
        Path | None, typer.Option(help="The model bundle: a folder or a .tar.zst; NEEDLEDROP_BUNDLE if not given.")
    ] = None,
    raw: Annotated[
        bool,
        typer.Option(
            help="Also write NAME.raw.npy, float16 [T, 2048]: the features before PCA. Only those where the bundle's "
            "video side has no PCA yet."
        ),
    ] = False,
    fast: Annotated[
        bool,
        typer.Option(
            help="Look at the key frame nearest to each second and decode no other. The features are of another space, "
            "written to NAME.fast.npy: never compare them with others."
        ),
    ] = False,
) -> None:
    """Extract each video's features; prints a line a file. Ends with status 1 if any failed."""
    if fast and raw:
        raise typer.BadParameter("a PCA is fitted on exact frames: --raw and --fast don't go together")
    settings = _command_settings()
    opened = open_bundle(bundle or settings.bundle)
    with starting(opened, Modality.VIDEO):
        from video_extractor.extractor import load, load_backbone, open_source  # noqa: PLC0415
        from video_extractor.raw import RawKeeper, extract_raw  # noqa: PLC0415

    if raw and opened.video.pca is None:
        backbone = load_backbone(opened, settings, settings.video_precision)
        raise typer.Exit(1 if work_files(paths, out, extract_raw(backbone, open_source)) else 0)
    extractor = load(opened, settings, settings.video_precision, fast)
    if fast:
        print(f"feature space {extractor.space.id}, of key frames", file=sys.stderr)
        raise typer.Exit(1 if extract_files(extractor, paths, out, suffix=".fast") else 0)
    keeper = RawKeeper(extractor)
    failed = extract_files(keeper, paths, out, keeper.write) if raw else extract_files(extractor, paths, out)
    raise typer.Exit(1 if failed else 0)


@app.command()
def worker() -> None:
    """Serve extraction jobs from the queue until told to stop."""
    from video_extractor.worker import run  # noqa: PLC0415

    run()


@app.command()
def make_demo(
    out: Annotated[Path, typer.Option(help="Folder of the demo bundle.")],
    pairs: Annotated[int | None, typer.Option(min=2, help="Generated scenes to fit the PCA on.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and of the scenes.")] = 0,
) -> None:
    """Write the video side of the demo bundle: seeded weights, PCA and training features. Skips a finished bundle."""
    from video_extractor.demo import make_video_side  # noqa: PLC0415

    make_video_side(out, pairs or TRAINING_PAIRS, seed, _command_settings())


def _command_settings() -> VideoSettings:
    settings = VideoSettings(log_format="console", log_level="WARNING")
    configure_logging(settings, "video-extractor")
    return settings
