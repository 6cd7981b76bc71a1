"""The demo bundle's metric, trained in seconds on the features of generated pairs."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from matcher_training.data import Pairs, Sequences
from matcher_training.evaluation.retrieval import chance_median_rank
from matcher_training.fit.train import Fit, Recipe, fit
from matcher_training.towers.config import MetricConfig
from matcher_training.towers.weights import save_weights
from needledrop.bundle import MANIFEST, FileRef, Manifest, MetricPart, SidePart, write_manifest
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop.metric_kind import MetricKind

RECIPE = Recipe(
    kind=MetricKind.VA_METRIC2,
    epochs=150,
    batch=48,
    rows=(2, 10),
    learning_rate=2e-3,
    weight_decay=0.1,
    patience=30,
)
CONFIG = MetricConfig(window_s=10.0, window_hop_s=2.0, max_s=10.0)
HELD_OUT = 0.15
WEIGHTS = "metric.safetensors"
TRAINING = "training"
NOTES = "For trying the system: untrained backbones made from a seed, and a metric trained on generated pairs."


def make_demo(
    root: Path, seed: int, recipe: Recipe = RECIPE, progress: Callable[[int], None] = lambda epoch: None
) -> Fit | None:
    """Train on the folder's `training/*.npz` and finish the bundle: `metric.safetensors`, and `bundle.json` last.

    Reads each side's description from `audio.json` and `video.json`; `BundleError` where a side has not been made,
    `FeatureError` where its training data is malformed. The training data is removed. None where the bundle is whole.
    """
    trained = None
    if not (root / MANIFEST).exists():
        sides = {modality: _side(root, modality) for modality in Modality}
        sequences = {modality: _sequences(root, modality, side) for modality, side in sides.items()}
        pairs = Pairs.join(sequences[Modality.VIDEO], sequences[Modality.AUDIO])
        train, held_out = pairs.split(HELD_OUT, np.random.default_rng(seed))
        trained = fit(train, held_out, recipe, seed, progress)
        save_weights(trained.metric, root / WEIGHTS)
        write_manifest(root, _manifest(root, sides, recipe, trained, seed))
    shutil.rmtree(root / TRAINING, ignore_errors=True)
    return trained


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


def _manifest(root: Path, sides: dict[Modality, SidePart], recipe: Recipe, trained: Fit, seed: int) -> Manifest:
    audio, video = sides[Modality.AUDIO], sides[Modality.VIDEO]
    metric = MetricPart(
        kind=recipe.kind,
        weights=FileRef.of(root, WEIGHTS),
        config=CONFIG.model_dump(),
        audio_space=audio.space(Modality.AUDIO).id,
        video_space=video.space(Modality.VIDEO).id,
        training=training_summary(trained, seed),
    )
    return Manifest(name="demo", untrained_backbones=True, notes=NOTES, audio=audio, video=video, metric=metric)


def training_summary(trained: Fit, seed: int) -> dict[str, object]:
    """`MetricPart.training`: on how many pairs, how it does on those held out, and what chance would give."""
    return {
        "data": "generated",
        "pairs": trained.trained_on,
        "held_out": asdict(trained.held_out),
        "chance_median_rank": chance_median_rank(trained.held_out.gallery),
        "epoch": trained.epoch,
        "seconds": round(trained.seconds, 2),
        "seed": seed,
    }
