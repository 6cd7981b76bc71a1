"""Adding to a bundle what its user made: the PCA of its pictures, a metric."""

import shutil
from pathlib import Path

from needledrop.bundle import Bundle, FileRef, Manifest, write_manifest
from needledrop.errors import BundleError, ErrorCode
from needledrop_models.assemble import take_metric
from needledrop_models.video_pca import VideoPca
from needledrop_models.yt8m_pca import POOL_DIM


def complete(root: Path, video_pca: Path | None, metric: Path | None) -> Bundle:
    """Put a fitted PCA (`needledrop-train pca`), a metric's folder, or both into the bundle, and verify it.

    A new PCA makes another feature space: a metric that was trained on the old one is taken out. `BundleError` where
    the PCA or the metric doesn't fit; the bundle is then as it was.
    """
    bundle = Bundle.load(root)
    bundle.verify()
    manifest = bundle.manifest
    if video_pca:
        manifest = _with_pca(bundle, video_pca)
    if metric:
        manifest = manifest.model_copy(update={"metric": take_metric(manifest, metric, root)})
    if video_pca and manifest.video and manifest.video.pca:
        target = root / manifest.video.pca.path
        if not (target.exists() and target.samefile(video_pca)):
            shutil.copyfile(video_pca, target)
    write_manifest(root, manifest)
    done = Bundle.load(root)
    done.verify()
    return done


def _with_pca(bundle: Bundle, path: Path) -> Manifest:
    side = bundle.video
    columns = _columns(path)
    digest = FileRef.of(path.parent, path.name).sha256
    # A name of its own for each, so that the bundle is whole at every moment.
    ref = FileRef(path=f"video_pca-{digest[:12]}.npz", sha256=digest)
    changed = side.model_copy(update={"pca": ref, "dim": columns})
    kept = bundle.manifest.metric if side.pca and side.pca.sha256 == digest else None
    return bundle.manifest.model_copy(update={"video": changed, "metric": kept})


def _columns(path: Path) -> int:
    """How many columns the PCA leads to; `BundleError` unless it starts from a backbone's 2,048 and can be applied."""
    pca = VideoPca.load(path)
    if len(pca.mean) != POOL_DIM:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID, f"{path.name} takes {len(pca.mean)} columns, the backbone gives {POOL_DIM}"
        )
    return len(pca.components)
