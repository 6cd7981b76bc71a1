"""From public files to a bundle."""

import os
import shutil
from pathlib import Path

from needledrop.bundle import MANIFEST, Bundle, FileRef, Manifest, MetricPart, SidePart, write_manifest
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop.metric import CARD, MetricCard
from needledrop_models import catalog
from needledrop_models.catalog import PcaSource, PublicFile, Space
from needledrop_models.yt8m_pca import (
    AUDIO_DIM,
    POOL_DIM,
    VIDEO_DIM,
    convert_audio_matrices,
    read_archive,
    read_video_matrices,
)

AUDIO_PCA, VIDEO_PCA = "audio_pca.npz", "video_pca.npz"
# 15,360 samples of 16 kHz; YouTube-8M takes a patch a second.
VGGISH_HOP_S, YT8M_HOP_S, VIDEO_HOP_S = 0.96, 1.0, 1.0


def assemble(
    space: Space,
    downloads: Path,
    out: Path,
    *,
    metric: Path | None = None,
    default: Path | None = None,
    pca: PcaSource = PcaSource.ARCHIVE,
    notes: str = "",
) -> Bundle:
    """Make `out` the bundle of a space from the files in `downloads`; `BundleError` where one can't be read.

    `metric`, `default`: folders of metrics, for a space whose PCAs are public; the other spaces lack the video PCA.
    What was added to `out` before, a PCA or a metric, stays as long as the features are the same, unless `metric` takes
    its place; `default` is for a bundle without one.
    """
    out.mkdir(parents=True, exist_ok=True)
    if space is Space.YT8M:
        audio, video = _yt8m(downloads, out, pca)
    else:
        audio, video = _with_torchvision(space, downloads, out)
    before = _before(out)
    if before and before.video and video.pca is None and _without_pca(before.video, video.dim) == video:
        video = before.video
    manifest = Manifest(name=f"official-{space}", notes=notes, audio=audio, video=video)
    kept = before.metric if before and _fits(before, audio, video) else None
    taken = metric or (default if kept is None else None)
    manifest = manifest.model_copy(update={"metric": take_metric(manifest, taken, out) if taken else kept})
    write_manifest(out, manifest)
    return Bundle.load(out)


def take_metric(manifest: Manifest, folder: Path, out: Path) -> MetricPart:
    """Copy a metric's weights into the bundle; `BundleError` where it wants other features than the sides give."""
    card = MetricCard.load(folder)
    for modality, side in ((Modality.AUDIO, manifest.audio), (Modality.VIDEO, manifest.video)):
        wants = card.side(modality)
        if side is None or (wants.dim, wants.hop_s) != (side.dim, side.hop_s):
            raise BundleError(
                ErrorCode.SPACE_MISMATCH,
                f"the metric {card.name} takes {modality} rows of {wants.dim} columns every {wants.hop_s} s, "
                + (f"the bundle gives {side.dim} every {side.hop_s} s" if side else "the bundle has none"),
            )
    bundle = Bundle(out, manifest)
    name = f"metric-{card.weights.sha256[:12]}.safetensors"
    weights = FileRef(path=name, sha256=card.weights.sha256)
    part = card.part(weights, bundle.space(Modality.AUDIO).id, bundle.space(Modality.VIDEO).id)
    shutil.copyfile(folder / card.weights.path, out / name)
    return part


def has_metric(folder: Path) -> bool:
    """Whether a metric lies in the folder."""
    return (folder / CARD).is_file()


def _yt8m(downloads: Path, out: Path, pca: PcaSource) -> tuple[SidePart, SidePart]:
    def path(file: PublicFile) -> Path:
        return downloads / file.name

    convert_audio_matrices(path(catalog.VGGISH_MEAN), path(catalog.VGGISH_PROJECTION), out / AUDIO_PCA)
    if pca is PcaSource.ARCHIVE:
        read = read_archive(path(catalog.YT8M_PCA), catalog.YT8M_PCA.name)
    else:
        read = read_video_matrices(path(catalog.INCEPTION_MEAN), path(catalog.INCEPTION_PROJECTION))
    read.save(out / VIDEO_PCA)
    audio = SidePart(
        backbone="vggish",
        files=(_take(catalog.VGGISH, downloads, out),),
        pca=FileRef.of(out, AUDIO_PCA),
        preprocessing=Space.YT8M,
        hop_s=YT8M_HOP_S,
        dim=AUDIO_DIM,
    )
    video = SidePart(
        backbone="inception_2015",
        files=(_take(catalog.INCEPTION_2015, downloads, out),),
        pca=FileRef.of(out, VIDEO_PCA),
        preprocessing=Space.YT8M,
        hop_s=VIDEO_HOP_S,
        dim=VIDEO_DIM,
    )
    return audio, video


def _with_torchvision(space: Space, downloads: Path, out: Path) -> tuple[SidePart, SidePart]:
    audio = SidePart(
        backbone="vggish",
        files=(_take(catalog.VGGISH, downloads, out),),
        pca=_take(catalog.VGGISH_PCA, downloads, out),
        preprocessing=Space.SEED,
        hop_s=VGGISH_HOP_S,
        dim=AUDIO_DIM,
    )
    video = SidePart(
        backbone="inception_v3",
        files=(_take(catalog.INCEPTION_V3, downloads, out),),
        preprocessing=space,
        hop_s=VIDEO_HOP_S,
        dim=POOL_DIM,
    )
    return audio, video


def _take(file: PublicFile, downloads: Path, out: Path) -> FileRef:
    _place(downloads / file.name, out / file.name)
    return FileRef.of(out, file.name)


def _place(source: Path, target: Path) -> None:
    """Link the file where that is possible: three spaces share VGGish's 288 MB."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _fits(before: Manifest, audio: SidePart, video: SidePart) -> bool:
    """Whether these sides give the features that the bundle's sides gave before."""
    return before.audio == audio and before.video == video


def _without_pca(side: SidePart, dim: int) -> SidePart:
    """The side as it was before a PCA to other columns was added."""
    return side.model_copy(update={"pca": None, "dim": dim})


def _before(out: Path) -> Manifest | None:
    return Bundle.load(out).manifest if (out / MANIFEST).is_file() else None
