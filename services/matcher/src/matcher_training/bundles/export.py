"""Putting a trained metric into a bundle."""

import shutil
import tempfile
from pathlib import Path

from matcher_training.bundles.loading import load_embedder
from needledrop.bundle import Bundle, FileRef, write_manifest
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop.metric import WEIGHTS, MetricCard
from needledrop_models.archive import SUFFIX, pack


def export_metric(folder: Path, bundle: Bundle, out: Path, name: str | None = None) -> Bundle:
    """A new bundle of `bundle`'s sides and the metric in `folder`, at `out`: a folder, or a `.tar.zst`.

    `BundleError` where `out` is there already, a file is absent or altered, the metric was trained on other feature
    spaces, takes features of another width or hop than the sides give, or can't be loaded.
    """
    if out.exists():
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{out.name} is there already")
    card = MetricCard.load(folder)
    for modality in Modality:
        side, wanted = bundle.side(modality), card.side(modality)
        if side.dim != wanted.dim or abs(side.hop_s - wanted.hop_s) > 1e-6:
            raise BundleError(
                ErrorCode.SPACE_MISMATCH,
                f"{card.name} takes {wanted.dim} {modality} columns every {wanted.hop_s} s, "
                f"the bundle gives {side.dim} every {side.hop_s} s",
            )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as staging:
        root = Path(staging) / "bundle"
        made = _assemble(root, folder, bundle, card, name)
        if out.name.endswith(SUFFIX):
            pack(root, out)
        else:
            root.rename(out)
    return made if out.name.endswith(SUFFIX) else Bundle.load(out)


def _assemble(root: Path, folder: Path, bundle: Bundle, card: MetricCard, name: str | None) -> Bundle:
    root.mkdir()
    for modality in Modality:
        side = bundle.side(modality)
        for ref in (*side.files, *([side.pca] if side.pca else [])):
            target = root / ref.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.file(ref), target)
    shutil.copyfile(folder / card.weights.path, root / WEIGHTS)
    spaces = {modality: bundle.space(modality).id for modality in Modality}
    metric = card.part(FileRef.of(root, WEIGHTS), spaces[Modality.AUDIO], spaces[Modality.VIDEO])
    changed = {"name": name or card.name, "metric": metric}
    write_manifest(root, bundle.manifest.model_copy(update=changed))
    made = Bundle.load(root)
    load_embedder(made)
    return made
