"""Training a residual member, an epoch at a time, from wherever it was left."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from matcher_training.data import Pairs
from matcher_training.fit.batches import Batch, crops, draw_mixture, longest_s, mixup
from matcher_training.fit.checkpoints import read_checkpoint, write_checkpoint
from matcher_training.fit.held_out_rank import held_out_rank
from matcher_training.fit.losses import info_nce
from matcher_training.fit.precision import reduced_precision
from matcher_training.fit.progress import Epoch
from matcher_training.fit.recipes import ResidualRecipe
from matcher_training.fit.standardisation import standardise
from matcher_training.towers.residual import ResidualTowers

FIRST_SCALE = 1 / 0.07
CLIP_NORM = 1.0
KEYS = {
    "towers", "averaged", "log_scale", "optimiser", "schedule", "done", "best_epoch", "best_rank", "best_state",
}  # fmt: skip
Scores = Callable[[Batch], Tensor]
"""Another model's scaled similarities [N, N] of a batch."""


class ResidualFit:
    """Keeps the epoch with the best mean reciprocal rank on the held-out pairs, the last one where there are none.

    Averaged weights where `ema` asks.

    The same seed and data give the same weights on the same machine, whether or not it was interrupted.
    """

    def __init__(
        self,
        recipe: ResidualRecipe,
        train: Pairs,
        held_out: Pairs,
        hops_s: tuple[float, float],
        seed: int,
        checkpoint: Path,
        teacher: Scores | None = None,
        hard_share: float = 1.0,
    ) -> None:
        self._recipe = recipe
        self._train = train
        self._held_out = held_out
        self._seed = seed
        self._checkpoint = checkpoint
        self._teacher = teacher
        self._hard_share = hard_share if teacher else 1.0
        self._batch = min(recipe.batch, len(train))
        self._steps = max(1, len(train) // self._batch)
        dims = train.video.dim, train.audio.dim
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.towers = ResidualTowers(recipe.shape, dims, hops_s, recipe.input_dropout, recipe.dropout)
        standardise((self.towers.video, self.towers.audio), train)
        self._averaged = _copy(self.towers)
        self._log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self._optimiser = self._make_optimiser()
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser,
            recipe.learning_rate,
            total_steps=self._steps * recipe.epochs + 1,
            pct_start=recipe.warm_up,
        )
        self._done = 0
        self._best = _Best(0, -1.0, {})
        self._resume()

    @property
    def scale(self) -> float:
        """The learned inverse temperature."""
        return self._clamped_scale().item()

    def run(self, progress: Callable[[Epoch], None]) -> ResidualTowers:
        """Train to the end and return the best epoch's towers, in eval mode."""
        epochs = self._recipe.epochs
        while self._done < epochs and self._done - self._best.epoch < self._recipe.patience:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self._seed * 100_003 + self._done)
                loss = self._epoch(np.random.default_rng([self._seed, self._done]))
            self._done += 1
            rank = self._consider()
            self._save()
            progress(Epoch(self._done, epochs, loss, rank))
        self._averaged.load_state_dict(self._best.state)
        return self._averaged.eval()

    def _epoch(self, rng: np.random.Generator) -> float:
        self.towers.train()
        order = rng.permutation(len(self._train))
        losses = [
            self._step(self._train.take(order[step * self._batch : (step + 1) * self._batch]), rng)
            for step in range(self._steps)
        ]
        return float(np.mean(losses))

    def _step(self, pairs: Pairs, rng: np.random.Generator) -> float:
        batch = crops(pairs, self._seconds(rng), rng)
        if self._recipe.mixup:
            batch = mixup(batch, draw_mixture(len(batch), self._recipe.mixed, self._recipe.mixup, rng))
        with reduced_precision():
            video = self.towers.video(batch.video.rows, batch.video.mask)
            audio = self.towers.audio(batch.audio.rows, batch.audio.mask)
        scores = self._clamped_scale() * (video @ audio.T)
        loss = self._hard_share * info_nce(scores)
        if self._teacher:
            with torch.inference_mode():
                targets = self._teacher(batch)
            loss = loss + (1 - self._hard_share) * info_nce(scores, targets.clone())
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.towers.parameters(), CLIP_NORM)
        self._optimiser.step()
        self._schedule.step()
        self._average()
        return loss.item()

    def _clamped_scale(self) -> Tensor:
        return self._log_scale.clamp(max=math.log(self._recipe.most_scale)).exp()

    def _seconds(self, rng: np.random.Generator) -> float:
        shortest, longest = self._recipe.crop_s
        longest = min(longest, longest_s(self._train))
        return longest if longest <= shortest else float(rng.uniform(shortest, longest))

    def _average(self) -> None:
        keep = self._recipe.ema
        with torch.no_grad():
            for average, current in zip(self._averaged.parameters(), self.towers.parameters(), strict=True):
                average.lerp_(current, 1 - keep)

    def _consider(self) -> float:
        rank = held_out_rank(self._averaged.eval(), self._held_out)
        if math.isnan(rank) or rank >= self._best.reciprocal_rank:
            state = {name: tensor.clone() for name, tensor in self._averaged.state_dict().items()}
            self._best = _Best(self._done, rank, state)
        return rank

    def _make_optimiser(self) -> torch.optim.Optimizer:
        parameters = list(self.towers.parameters())
        decayed = [parameter for parameter in parameters if parameter.ndim > 1]
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": self._recipe.weight_decay},
            {"params": [*others, self._log_scale], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self._recipe.learning_rate, betas=(0.9, 0.98))

    def _save(self) -> None:
        state = {
            "towers": self.towers.state_dict(),
            "averaged": self._averaged.state_dict(),
            "log_scale": self._log_scale.detach(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "done": self._done,
            "best_epoch": self._best.epoch,
            "best_rank": self._best.reciprocal_rank,
            "best_state": self._best.state,
        }
        write_checkpoint(self._checkpoint, state)

    def _resume(self) -> None:
        state = read_checkpoint(self._checkpoint, KEYS)
        if state is None:
            return
        self.towers.load_state_dict(state["towers"])
        self._averaged.load_state_dict(state["averaged"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        with torch.no_grad():
            self._log_scale.copy_(state["log_scale"])
        self._done = state["done"]
        self._best = _Best(state["best_epoch"], state["best_rank"], state["best_state"])


@dataclass(frozen=True)
class _Best:
    epoch: int
    reciprocal_rank: float
    state: dict[str, Tensor]


def _copy(towers: ResidualTowers) -> ResidualTowers:
    return copy.deepcopy(towers).requires_grad_(False)
