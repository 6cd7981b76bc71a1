"""A folder of music videos: both sides are extracted from each file, and belong together."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matcher_training.data.extracted import FeatureCache, Media
from matcher_training.data.items import Item, Layout
from matcher_training.data.pca import fit_pca
from matcher_training.data.sequences import Rows, invalid
from needledrop.bundle import FileRef, SidePart
from needledrop.features import Modality
from needledrop_models.archive import open_bundle
from needledrop_models.video_pca import VideoPca

SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".ogv"))
PCA_FILE = "video_pca.npz"


@dataclass(frozen=True)
class VideoSource:
    """How videos become features. `cache`: the folder in which all that was extracted is kept.

    `pca`: a PCA to use in place of the bundle's; fitted on these videos, to `components` columns, where the file is not
    there yet. Where the bundle has none and this is None, it is `video_pca.npz` beside the raw rows in the cache.
    `report` is given lines for the user.
    """

    bundle: Path
    cache: Path
    pca: Path | None = None
    components: int = 1024
    report: Callable[[str], None] = lambda line: None


def videos_layout(folder: Path, source: VideoSource) -> Layout:
    """The pairs of all videos in the folder and below it, by name. Files that can't be used are reported and left out.

    Everything is extracted before this returns; files of the same content are one pair. `FeatureError` where the folder
    holds no video, none of them can be used, or they are too few to fit a PCA on.
    """
    bundle = open_bundle(source.bundle)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES)
    if not paths:
        raise invalid(f"{folder.name} holds no video ({', '.join(sorted(SUFFIXES))})")
    media = _distinct(paths, source.report)
    audio = FeatureCache(source.cache / bundle.space(Modality.AUDIO).id, Modality.AUDIO, source.bundle)
    media = _usable(media, audio, source.report)
    raw = source.cache / f"video-raw-{_backbone(bundle.video)}"
    pca_file = source.pca or (raw / PCA_FILE if bundle.video.pca is None else None)
    features = source.cache / bundle.space(Modality.VIDEO).id if pca_file is None else raw
    video = FeatureCache(features, Modality.VIDEO, source.bundle, raw=pca_file is not None)
    media = _usable(media, video, source.report)
    if not media:
        raise invalid(f"none of the {len(paths):,} videos in {folder.name} can be used")
    pca = None if pca_file is None else _pca(pca_file, [video.path(each) for each in media], source)
    side = bundle.video if pca is None or pca_file is None else _completed(bundle.video, pca, pca_file)
    return Layout(
        _items(media, video, audio, pca),
        {Modality.VIDEO: bundle.video.hop_s, Modality.AUDIO: bundle.audio.hop_s},
        {Modality.VIDEO: side.space(Modality.VIDEO).id, Modality.AUDIO: bundle.space(Modality.AUDIO).id},
    )


def _distinct(paths: Sequence[Path], report: Callable[[str], None]) -> list[Media]:
    """One of each content: a video that occurs twice would be its own wrong answer."""
    first: dict[str, Media] = {}
    for each in map(Media.of, paths):
        other = first.setdefault(each.sha256, each)
        if other is not each:
            report(f"{each.path.name}: left out, it is the same file as {other.path.name}")
    return list(first.values())


def _usable(media: Sequence[Media], cache: FeatureCache, report: Callable[[str], None]) -> list[Media]:
    failed = cache.fill(media, report)
    for each in media:
        if each.sha256 in failed:
            report(f"{each.path.name}: left out, {failed[each.sha256]}")
    return [each for each in media if each.sha256 not in failed]


def _pca(path: Path, raw: Sequence[Path], source: VideoSource) -> VideoPca:
    if path.exists():
        return VideoPca.load(path)
    earlier = source.cache / PCA_FILE
    if path != earlier and earlier.exists():
        source.report(f"{earlier.name} in the cache is an earlier version's and not used; --pca takes it")
    fitted, rows = fit_pca(raw, source.components)
    fitted.save(path)
    source.report(f"{path.name}: fitted on {rows:,} rows, {len(fitted.mean):,} → {source.components:,} columns")
    return fitted


def _completed(side: SidePart, pca: VideoPca, path: Path) -> SidePart:
    """The side with this PCA in its place, so that its space is that of a bundle which was completed with it."""
    return side.model_copy(update={"pca": FileRef.of(path.parent, path.name), "dim": len(pca.components)})


def _backbone(side: SidePart) -> str:
    """Stands for all that the raw rows depend on: the weights and what they are fed."""
    identity = [side.backbone, side.preprocessing, str(side.hop_s), *(file.sha256 for file in side.files)]
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]


def _items(media: Sequence[Media], video: FeatureCache, audio: FeatureCache, pca: VideoPca | None) -> Iterator[Item]:
    for each in media:
        rows: Rows = video.read(each)
        yield Item(each.path.stem, each.path.name, rows if pca is None else pca.codes(rows), audio.read(each))
