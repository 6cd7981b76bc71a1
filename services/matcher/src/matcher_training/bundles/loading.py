"""Loading metrics, from bundles and from folders of their own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matcher_training.data import Pairs
from matcher_training.fit.kinds import KINDS
from matcher_training.towers.config import MetricConfig
from matcher_training.towers.embedder import Embedder
from matcher_training.towers.metric import Metric
from matcher_training.towers.tower_embedder import TowerEmbedder
from matcher_training.towers.weights import load_weights
from needledrop.bundle import Bundle, SidePart
from needledrop.errors import BundleError, ErrorCode, FeatureError
from needledrop.features import Modality, require_space
from needledrop.metric import MetricCard, MetricSide
from needledrop.metric_kind import MetricKind


def load_embedder(bundle: Bundle, device: str = "cpu") -> Embedder:
    """The bundle's metric, ready to embed on `device` (`auto`, `cpu`, `cuda`, `cuda:N`).

    `BundleError` where the metric is absent, altered, not safetensors, of an unknown kind, or its tensors don't fit;
    `FeatureError(space_mismatch)` where it was trained on other feature spaces than the bundle's sides have.
    """
    part = bundle.metric
    require_space(bundle.space(Modality.AUDIO).id, part.audio_space)
    require_space(bundle.space(Modality.VIDEO).id, part.video_space)
    kind, config = _description(part.kind, part.config)
    sides = bundle.video, bundle.audio
    return _load(kind, config, sides, bundle.file(part.weights), device)


def load_metric(folder: Path, device: str = "cpu") -> Embedder:
    """The metric of a folder, whose hash was just checked, ready to embed on `device`; errors as `load_embedder`."""
    card = MetricCard.load(folder)
    kind, config = _description(card.kind, card.config)
    return _load(kind, config, (card.video, card.audio), folder / card.weights.path, device)


def load_towers(folder: Path) -> Metric:
    """The towers of a metric's folder, on the CPU in eval mode; errors as `load_embedder`."""
    return load_metric(folder).metric


def _load(
    kind: MetricKind,
    config: MetricConfig,
    sides: tuple[MetricSide | SidePart, MetricSide | SidePart],
    weights: Path,
    device: str,
) -> Embedder:
    video, audio = sides
    metric = KINDS[kind].make((video.dim, audio.dim), (video.hop_s, audio.hop_s), config.towers)
    load_weights(metric, weights)
    return Embedder(metric, config, video.dim, audio.dim, device)


def load_tower_embedder(folder: Path, pairs: Pairs) -> TowerEmbedder:
    """The metric of a folder, for these pairs.

    `BundleError` where the folder holds no whole metric; `FeatureError` where it was trained on features of another
    width or another feature space than the pairs have.
    """
    card = MetricCard.load(folder)
    for modality, sequences in ((Modality.VIDEO, pairs.video), (Modality.AUDIO, pairs.audio)):
        side = card.side(modality)
        if side.dim != sequences.dim:
            raise FeatureError(
                ErrorCode.FEATURES_INVALID,
                f"{card.name} takes {modality} features of {side.dim} columns, the data has {sequences.dim}",
            )
        if side.space is not None and sequences.space is not None:
            require_space(sequences.space, side.space)
    return TowerEmbedder(load_towers(folder))


def _description(kind: str, config: Mapping[str, Any]) -> tuple[MetricKind, MetricConfig]:
    if kind not in list(MetricKind):
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"the metric's kind “{kind}” is not known")
    try:
        return MetricKind(kind), MetricConfig.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"the metric's configuration: {where}: {first['msg']}") from error
