"""Options that commands share, and how their texts are read."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from matcher_training.data import Pairs, read_pairs
from matcher_training.data.items import Layout
from matcher_training.data.videos import VideoSource, videos_layout
from needledrop.errors import ErrorCode, FeatureError

DataOption = Annotated[
    list[Path],
    typer.Option(
        "--data",
        help="What to read, repeatable: a folder of video folders (afeat.npy, vfeat.npy) or a list of such, "
        "YouTube-8M .tfrecord files or a folder of them, an .npz of pairs, a folder of videos with sound.",
    ),
]
RootOption = Annotated[
    Path | None, typer.Option("--root", help="Where the folders lie that a list names; by default beside the list.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder for what is extracted from videos, and for data larger than memory."),
]
MusicLabelsOption = Annotated[
    str | None,
    typer.Option(
        "--music-labels",
        help="Label ids that mean music: 3,14,… or a file with them; for data that only "
        "has labels. YouTube-8M's records have a default.",
    ),
]
ShardsOption = Annotated[
    str | None,
    typer.Option("--shards", help="Only pairs of these shards or files: 1,2 or last:10 or first:5."),
]
HoldOutOption = Annotated[
    int | None,
    typer.Option(
        "--hold-out",
        min=1,
        help="So many pairs, always the same ones of the same data, are for evaluation only: fit leaves them out, "
        "evaluate takes no others.",
    ),
]

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", envvar="NEEDLEDROP_BUNDLE", help="The model bundle that extracts features of videos."),
]
PcaOption = Annotated[
    Path | None,
    typer.Option(
        "--pca",
        help="A PCA for videos in place of the bundle's; fitted on them where the file is not there. Without it, and "
        "with none in the bundle, it is video_pca.npz beside their raw rows in the cache.",
    ),
]
ComponentsOption = Annotated[int, typer.Option("--pca-components", min=1, help="Columns of a PCA that is fitted.")]


def read_data(
    data: list[Path],
    root: Path | None,
    cache: Path | None,
    label_ids: str | None,
    bundle: Path | None,
    pca: Path | None,
    components: int,
) -> Pairs:
    """The pairs that the options above describe; what is said of videos goes to standard error."""

    def videos(folder: Path) -> Layout:
        if bundle is None or cache is None:
            raise FeatureError(
                ErrorCode.FEATURES_INVALID,
                f"{folder.name}: videos need --bundle, which extracts their features, and --cache, which keeps them",
            )
        return videos_layout(
            folder, VideoSource(bundle, cache, pca, components, lambda line: typer.echo(line, err=True))
        )

    return read_pairs(data, cache, root=root, music_labels=music_labels(label_ids), videos=videos)


def music_labels(text: str | None) -> frozenset[int] | None:
    """The ids that the option or its file lists, separated by commas or white space; None where it is not given."""
    if text is None:
        return None
    path = Path(text)
    try:
        content = path.read_text(encoding="utf-8") if path.is_file() else text
        return frozenset(int(word) for word in content.replace(",", " ").split())
    except (ValueError, OSError) as error:
        raise FeatureError(
            ErrorCode.FEATURES_INVALID, f"--music-labels: “{text}” is not a list of label ids"
        ) from error


def chosen_shards(pairs: Pairs, text: str) -> Pairs:
    """The pairs of the shards that `text` names: numbers, or the first or last so many that the data has."""
    if pairs.groups is None:
        raise FeatureError(ErrorCode.FEATURES_INVALID, "--shards: the data does not say which shard its pairs are from")
    there = np.unique(pairs.groups)
    kind, _, number = text.partition(":")
    try:
        if kind in ("first", "last") and 0 < int(number) <= len(there):
            names = there[: int(number)] if kind == "first" else there[-int(number) :]
            return pairs.split_groups(names.tolist())[1]
        return pairs.split_groups([int(word) for word in text.split(",")])[1]
    except ValueError as error:
        raise FeatureError(
            ErrorCode.FEATURES_INVALID,
            f"--shards: “{text}” is neither a list of numbers nor first:N or last:N with N up to {len(there)}",
        ) from error


def apart(pairs: Pairs, hold_out: int) -> tuple[Pairs, Pairs]:
    """The pairs that are for training, and `hold_out` drawn ones that are for evaluation; the same draw every time."""
    if hold_out > len(pairs) - 2:
        raise FeatureError(ErrorCode.FEATURES_INVALID, f"--hold-out: {hold_out} of {len(pairs)} pairs leaves too few")
    order = np.random.default_rng([len(pairs), hold_out]).permutation(len(pairs))
    return pairs.take(np.sort(order[hold_out:])), pairs.take(np.sort(order[:hold_out]))


def gallery_sizes(text: str) -> tuple[int | None, ...]:
    """Sizes separated by commas; None for `all`."""
    try:
        return tuple(None if word.strip() == "all" else int(word) for word in text.split(","))
    except ValueError as error:
        raise FeatureError(
            ErrorCode.FEATURES_INVALID, f"--gallery: “{text}” is not a list of sizes such as 256,1024,all"
        ) from error
