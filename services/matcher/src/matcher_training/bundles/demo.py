"""The demo bundle's metric, trained in seconds on the features of generated pairs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from matcher_training.data import Pairs, Sequences
from matcher_training.fit.fitting import fit_metric
from matcher_training.fit.progress import FitProgress
from matcher_training.fit.recipes import ReferenceRecipe
from matcher_training.towers.config import MetricConfig
from needledrop.bundle import MANIFEST, FileRef, Manifest, SidePart, write_manifest
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop.metric import WEIGHTS, MetricCard
from needledrop.metric_kind import MetricKind

KIND = MetricKind.VA_METRIC2
RECIPE = ReferenceRecipe(epochs=100, batch=16, margin=16.0, weight_decay=1e-2, decay_every=25)
"""A wide margin and small batches: the reference's own would take many times as many epochs for some hundred pairs."""

CONFIG = MetricConfig(window_s=10.0, window_hop_s=2.0, max_s=10.0)
HELD_OUT = 0.15
TRAINING = "training"
METRIC = "metric"
NAME = "demo"
NOTES = "For trying the system: untrained backbones made from a seed, and a metric trained on generated pairs."


def make_demo(
    root: Path,
    seed: int,
    recipe: ReferenceRecipe = RECIPE,
    progress: Callable[[FitProgress], None] = lambda progress: None,
) -> MetricCard | None:
    """Train on the folder's `training/*.npz` and finish the bundle: `metric.safetensors`, and `bundle.json` last.

    Reads each side's description from `audio.json` and `video.json`; `BundleError` where a side has not been made,
    `FeatureError` where its training data is malformed. The training data is removed. None where the bundle is whole.
    """
    card = None
    if not (root / MANIFEST).exists():
        sides = {modality: _side(root, modality) for modality in Modality}
        sequences = {modality: _sequences(root, modality, side) for modality, side in sides.items()}
        pairs = Pairs.join(sequences[Modality.VIDEO], sequences[Modality.AUDIO])
        train, held_out = pairs.split(HELD_OUT, np.random.default_rng(seed))
        folder = root / TRAINING / METRIC
        card = fit_metric(
            train,
            held_out,
            KIND,
            folder,
            seed=seed,
            progress=progress,
            recipe=recipe,
            name=NAME,
            training={"data": "generated"},
        )
        shutil.copyfile(folder / card.weights.path, root / WEIGHTS)
        write_manifest(root, _manifest(root, sides, card))
    shutil.rmtree(root / TRAINING, ignore_errors=True)
    return card


def _side(root: Path, modality: Modality) -> SidePart:
    path = root / f"{modality}.json"
    try:
        return SidePart.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID, f"{path.name} is missing or malformed: run {modality}-extractor make-demo first"
        ) from error


def _sequences(root: Path, modality: Modality, side: SidePart) -> Sequences:
    return Sequences.read(root / TRAINING / f"{modality}.npz", side.dim)


def _manifest(root: Path, sides: dict[Modality, SidePart], card: MetricCard) -> Manifest:
    audio, video = sides[Modality.AUDIO], sides[Modality.VIDEO]
    used = card.model_copy(update={"config": CONFIG.model_dump(exclude_none=True)})
    metric = used.part(FileRef.of(root, WEIGHTS), audio.space(Modality.AUDIO).id, video.space(Modality.VIDEO).id)
    return Manifest(name=NAME, untrained_backbones=True, notes=NOTES, audio=audio, video=video, metric=metric)
