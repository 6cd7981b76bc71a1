"""Training a metric from pairs into a metric folder: the one way that the command and the service both take."""

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from matcher_training.data import Pairs
from matcher_training.evaluation.retrieval import chance_median_rank, retrieval
from matcher_training.fit.kinds import KINDS
from matcher_training.fit.losses import distance_matrix
from matcher_training.fit.progress import FitProgress, StageCounter
from matcher_training.fit.recipes import Recipe
from matcher_training.fit.resuming import begin
from matcher_training.fit.run import TrainingRun
from matcher_training.towers.config import MetricConfig
from matcher_training.towers.metric import Metric
from matcher_training.towers.shapes import MetricShape
from matcher_training.towers.tower_embedder import TowerEmbedder
from matcher_training.towers.weights import load_weights, save_weights
from needledrop.bundle import FileRef
from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import Modality
from needledrop.metric import WEIGHTS, MetricCard, MetricSide
from needledrop.metric_kind import MetricKind

HELD_OUT, MOST_HELD_OUT = 0.1, 2000
LEAST_PAIRS = 8
WORK = "work"
FIGURES = 1000


def fit_metric(
    pairs: Pairs,
    held_out: Pairs | None,
    kind: MetricKind | str,
    out: Path,
    *,
    seed: int = 0,
    progress: Callable[[FitProgress], None] = lambda progress: None,
    recipe: Recipe | None = None,
    sides: Mapping[Modality, MetricSide] | None = None,
    name: str | None = None,
    training: Mapping[str, Any] | None = None,
    bits: int | None = None,
    keep_work: bool = False,
) -> MetricCard:
    """Train, and write `metric.safetensors` and `metric.json` into the folder `out`.

    Where `held_out` is None a tenth of `pairs`, 2,000 at most (whole shards where there are some), is; where it is
    empty, nothing is: the last epoch counts. A run that was cut off goes on from what it left under `out`, where it was
    one of the same pairs, split, recipe and seed. `recipe` is by default the one that suits the pairs. `sides` says
    more of the features than `pairs` do; `training` is added to the card; `bits` are `save_weights`'s; `keep_work`
    keeps what a run would go on from also when it is done. `FeatureError` where there are fewer than eight pairs.
    """
    if len(pairs) < LEAST_PAIRS:
        raise FeatureError(
            ErrorCode.FEATURES_INVALID, f"training takes {LEAST_PAIRS} pairs or more, there are {len(pairs)}"
        )
    kind = MetricKind(kind)
    train, held = (
        pairs.split(held_out_share(len(pairs)), np.random.default_rng(seed)) if held_out is None else (pairs, held_out)
    )
    out.mkdir(parents=True, exist_ok=True)
    work = out / WORK
    chosen = recipe or KINDS[kind].choose(train)
    begin(work, train, held, {"kind": kind.value, "recipe": _plain(chosen), "seed": seed})
    run = TrainingRun(train, held, seed, work, StageCounter(chosen.epochs, progress))
    metric, shape = KINDS[kind].fit(chosen, run)
    save_weights(metric, out / WEIGHTS, bits)
    load_weights(metric, out / WEIGHTS)
    found = sides or {
        modality: MetricSide(dim=side.dim, hop_s=side.hop_s, space=side.space)
        for modality, side in ((Modality.VIDEO, pairs.video), (Modality.AUDIO, pairs.audio))
    }
    card = MetricCard(
        name=name or out.resolve().name,
        kind=kind,
        weights=FileRef.of(out, WEIGHTS),
        config=use_config(train, shape).model_dump(exclude_none=True),
        audio=found[Modality.AUDIO],
        video=found[Modality.VIDEO],
        training={
            **(training or {}),
            "recipe": kind.value,
            "settings": _plain(chosen),
            "pairs": len(train),
            "seed": seed,
            **({"held_out": _held_out(metric, held, seed)} if len(held) else {}),
        },
    )
    card.save(out)
    if not keep_work:
        shutil.rmtree(work, ignore_errors=True)
    return card


def use_config(train: Pairs, shape: MetricShape | None) -> MetricConfig:
    """How a metric trained on these pairs is used: windows as long as what it was trained on, within 5 to 30 s.

    One trained on time means has seen whole videos: windows of 20 s stay near to that and still say where to start.
    """
    lengths = train.audio.lengths * train.audio.hop_s
    means = int(train.audio.lengths.max()) == 1
    window = 20.0 if means else float(np.clip(np.median(lengths), 5.0, 30.0))
    return MetricConfig(
        window_s=window,
        window_hop_s=window / 5,
        max_s=3 * window,
        step_s=None if shape is None else 5.0,
        towers=shape,
    )


def held_out_share(pairs: int) -> float:
    """The share of so many pairs that is held out while training, unless others are given."""
    return min(HELD_OUT, MOST_HELD_OUT / pairs)


def _held_out(metric: Metric, held: Pairs, seed: int) -> dict[str, Any]:
    """Figures, picture to sound, over at most a thousand held-out pairs."""
    some = held.take(np.sort(np.random.default_rng(seed).permutation(len(held))[:FIGURES]))
    embedder = TowerEmbedder(metric.eval())
    video = torch.from_numpy(embedder.embed(Modality.VIDEO, some.video, some.video_index))
    audio = torch.from_numpy(embedder.embed(Modality.AUDIO, some.audio, some.audio_index))
    figures = asdict(retrieval(distance_matrix(video, audio).numpy()))
    figures["chance_median_rank"] = chance_median_rank(len(some))
    return {key: round(value, 6) for key, value in figures.items()}


def _plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON can say it."""

    def plain(value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value.model_dump()
        if is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, tuple | list):
            return [plain(each) for each in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    result: dict[str, Any] = plain(recipe)
    return result
