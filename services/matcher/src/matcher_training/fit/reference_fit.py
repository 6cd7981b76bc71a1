"""Training the reference's metrics as the reference does, from wherever it was left.

Source: the training script of uzeful/VA_Project. A step takes a batch of pairs, and the same clips with the batch's
sounds in another order; a sound that the shuffle left in its place still counts as the clip's own.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from matcher_training.data import Pairs, Sequences, floats, stack
from matcher_training.data.sequences import Indices
from matcher_training.fit.checkpoints import read_checkpoint, write_checkpoint
from matcher_training.fit.held_out_rank import mean_reciprocal_rank
from matcher_training.fit.losses import contrastive_loss
from matcher_training.fit.progress import Epoch
from matcher_training.fit.recipes import ReferenceRecipe
from matcher_training.fit.run import FittedMetric, TrainingRun
from matcher_training.towers.metric import Metric
from matcher_training.towers.reference import make_reference
from needledrop.metric_kind import MetricKind

EMBEDDED = 512


class ReferenceFit:
    """Runs all its epochs and keeps the last, as the reference does; `held_out` only informs."""

    def __init__(
        self, kind: MetricKind, recipe: ReferenceRecipe, train: Pairs, held_out: Pairs, seed: int, checkpoint: Path
    ) -> None:
        self._recipe = recipe
        self._train = train
        self._held_out = held_out
        self._seed = seed
        self._checkpoint = checkpoint
        # A sequence shorter than the recipe's rows is not stretched: no more rows than the longest one has.
        self._rows = min(recipe.rows, int(max(train.video.lengths.max(), train.audio.lengths.max())))
        if kind is MetricKind.VA_METRIC2 and self._rows > 1:
            self._train, self._held_out = _peaks(train, self._rows), _peaks(held_out, self._rows)
            self._rows = 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.metric: Metric = make_reference(kind, train.video.dim, train.audio.dim)
        self._optimiser = torch.optim.SGD(
            self.metric.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self._done = 0
        self._resume()

    @property
    def learning_rate(self) -> float:
        """Of the epoch that ran last."""
        return float(self._optimiser.param_groups[0]["lr"])

    def run(self, progress: Callable[[Epoch], None]) -> Metric:
        """Train to the end; the metric, in eval mode."""
        while self._done < self._recipe.epochs:
            for group in self._optimiser.param_groups:
                group["lr"] = self._recipe.learning_rate * self._recipe.decay ** (
                    self._done // self._recipe.decay_every
                )
            loss = self._epoch(np.random.default_rng([self._seed, self._done]))
            self._done += 1
            self._save()
            progress(Epoch(self._done, self._recipe.epochs, loss, self._rank()))
        return self.metric.eval()

    def _epoch(self, rng: np.random.Generator) -> float:
        self.metric.train()
        order = rng.permutation(len(self._train))
        batches = [order[start : start + self._recipe.batch] for start in range(0, len(order), self._recipe.batch)]
        with _without_onednn(), _one_thread() if self._rows == 1 else nullcontext():
            return float(np.mean([self._step(batch, rng) for batch in batches]))

    def _step(self, batch: Indices, rng: np.random.Generator) -> float:
        video = self._features(self._train.video, self._train.video_index[batch])
        audio = self._features(self._train.audio, self._train.audio_index[batch])
        order = rng.permutation(len(batch))
        shuffled = torch.from_numpy(order)
        different = torch.from_numpy(np.stack([np.zeros(len(batch), bool), order != np.arange(len(batch))]))
        clips = self.metric.video(video)
        sounds = self.metric.audio(audio)
        distances = torch.linalg.vector_norm(clips - torch.stack([sounds, sounds[shuffled]]), dim=-1)
        loss = contrastive_loss(distances, different, self._recipe.margin)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return loss.item()

    def _features(self, sequences: Sequences, which: Indices) -> Tensor:
        return torch.from_numpy(floats(stack(sequences, which, self._rows)))

    def _rank(self) -> float:
        if not len(self._held_out):
            return math.nan
        self.metric.eval()
        sides = []
        with torch.inference_mode():
            for tower, sequences, index in (
                (self.metric.video, self._held_out.video, self._held_out.video_index),
                (self.metric.audio, self._held_out.audio, self._held_out.audio_index),
            ):
                parts = [index[start : start + EMBEDDED] for start in range(0, len(index), EMBEDDED)]
                sides.append(torch.cat([tower(self._features(sequences, part)) for part in parts]))
        return mean_reciprocal_rank(*sides)

    def _save(self) -> None:
        state = {
            "metric": self.metric.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "done": self._done,
        }
        write_checkpoint(self._checkpoint, state)

    def _resume(self) -> None:
        state = read_checkpoint(self._checkpoint, {"metric", "optimiser", "done"})
        if state is None:
            return
        self.metric.load_state_dict(state["metric"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._done = state["done"]


def fit_reference(kind: MetricKind, recipe: ReferenceRecipe, run: TrainingRun) -> FittedMetric:
    """Train one of the reference's metrics; it has no shape."""
    fit = ReferenceFit(kind, recipe, run.train, run.held_out, run.seed, run.work / "reference.checkpoint")
    return fit.run(lambda epoch: run.report(kind.value, epoch)), None


@contextmanager
def _without_onednn() -> Iterator[None]:
    """PyTorch's own LSTM trains faster than oneDNN's at the reference's sizes, most of all over few rows."""
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


@contextmanager
def _one_thread() -> Iterator[None]:
    """Steps of a millisecond are about as quick on one thread, and stay so where another process wants the cores.

    Two threads wait for each other after every operation, and on a busy machine each time for a turn.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _peaks(pairs: Pairs, rows: int) -> Pairs:
    """The same pairs, each sequence its maximum over the rows that are taken: all that `VAMetric2` sees of it.

    A code's value rises with the code, so it makes no difference which is done first.
    """
    return replace(pairs, video=_peak(pairs.video, rows), audio=_peak(pairs.audio, rows))


def _peak(sequences: Sequences, rows: int) -> Sequences:
    every = np.arange(len(sequences))
    parts = [
        stack(sequences, every[start : start + EMBEDDED], rows).max(axis=1) for start in range(0, len(every), EMBEDDED)
    ]
    return replace(sequences, codes=np.concatenate(parts), offsets=np.arange(len(every) + 1))
