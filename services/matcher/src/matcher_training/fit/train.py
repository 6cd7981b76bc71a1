"""Training a metric on pairs of feature sequences."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from matcher_training.data import Pairs, stack
from matcher_training.evaluation.retrieval import Retrieval, retrieval
from matcher_training.fit.losses import SymmetricInfoNCE, distance_matrix
from matcher_training.towers.metric import Metric
from matcher_training.towers.reference import make_reference
from needledrop.features import Codes, dequantise
from needledrop.metric_kind import MetricKind


@dataclass(frozen=True)
class Recipe:
    """How to train. Each step takes a batch of pairs and of each side a random subset of rows, in order of time.

    `rows` is the range, both ends included, from which each step draws its number of rows, the same for both sides.
    """

    kind: MetricKind
    epochs: int
    batch: int
    rows: tuple[int, int]
    learning_rate: float
    weight_decay: float
    patience: int


@dataclass(frozen=True)
class Fit:
    """A trained metric, on the CPU, and how it does on the pairs that were held out."""

    metric: Metric
    held_out: Retrieval
    trained_on: int
    epoch: int
    seconds: float


def fit(
    train: Pairs, held_out: Pairs, recipe: Recipe, seed: int, progress: Callable[[int], None] = lambda epoch: None
) -> Fit:
    """Train with symmetric InfoNCE and AdamW; keep the epoch with the best median (then mean) rank on `held_out`.

    Stops after `recipe.patience` epochs without a better one. `progress` is called after each epoch, with its number.
    """
    started = time.monotonic()
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        metric = make_reference(recipe.kind, train.video.dim, train.audio.dim)
        trainer = _Trainer(metric, recipe)
        best = _Best(metric, recipe, held_out)
        for epoch in range(1, recipe.epochs + 1):
            trainer.epoch(train, rng)
            best.consider(epoch)
            progress(epoch)
            if epoch - best.epoch >= recipe.patience:
                break
    metric.load_state_dict(best.state)
    return Fit(metric.eval(), best.figures, len(train), best.epoch, time.monotonic() - started)


def evaluate(metric: Metric, pairs: Pairs, rows: int) -> Retrieval:
    """Retrieval figures, video to audio, over all of `pairs`, with `rows` evenly spaced rows of each side."""
    metric.eval()
    with torch.inference_mode():
        video = metric.video(_tensor(stack(pairs.video, pairs.video_index, rows)))
        audio = metric.audio(_tensor(stack(pairs.audio, pairs.audio_index, rows)))
        return retrieval(distance_matrix(video, audio).numpy())


class _Trainer:
    """Metric, loss and optimiser through the epochs."""

    def __init__(self, metric: Metric, recipe: Recipe) -> None:
        self._metric = metric
        self._recipe = recipe
        self._loss = SymmetricInfoNCE()
        decayed: dict[str, object] = {"params": metric.parameters(), "weight_decay": recipe.weight_decay}
        learned: dict[str, object] = {"params": self._loss.parameters(), "weight_decay": 0.0}
        self._optimiser = torch.optim.AdamW([decayed, learned], lr=recipe.learning_rate)

    def epoch(self, pairs: Pairs, rng: np.random.Generator) -> None:
        self._metric.train()
        order = rng.permutation(len(pairs))
        for batch in np.array_split(order, max(1, len(order) // self._recipe.batch)):
            self._step(pairs.take(batch), rng)

    def _step(self, pairs: Pairs, rng: np.random.Generator) -> None:
        rows = int(rng.integers(self._recipe.rows[0], self._recipe.rows[1], endpoint=True))
        video = self._metric.video(_tensor(stack(pairs.video, pairs.video_index, rows, rng)))
        audio = self._metric.audio(_tensor(stack(pairs.audio, pairs.audio_index, rows, rng)))
        loss: Tensor = self._loss(distance_matrix(video, audio))
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()


class _Best:
    """The best epoch so far, by held-out pairs."""

    def __init__(self, metric: Metric, recipe: Recipe, pairs: Pairs) -> None:
        self._metric = metric
        self._pairs = pairs
        self._rows = recipe.rows[1]
        self.epoch = 0
        self.figures = evaluate(metric, pairs, self._rows)
        self.state = copy.deepcopy(metric.state_dict())

    def consider(self, epoch: int) -> None:
        figures = evaluate(self._metric, self._pairs, self._rows)
        if (figures.median_rank, figures.mean_rank) < (self.figures.median_rank, self.figures.mean_rank):
            self.epoch, self.figures, self.state = epoch, figures, copy.deepcopy(self._metric.state_dict())


def _tensor(codes: Codes) -> Tensor:
    return torch.from_numpy(dequantise(codes))
