"""How metrics are trained. docs/training.md tells what was tried, and what each step gave."""

from dataclasses import dataclass
from typing import Protocol

from matcher_training.fit.losses import MOST_SCALE
from matcher_training.towers.shapes import HubShape, KernelShape, ResidualShape, TowerShape


class Recipe(Protocol):
    """The settings of a training; a dataclass, so that they can be kept with the metric."""

    @property
    def epochs(self) -> int:
        """Over all stages."""
        ...


@dataclass(frozen=True)
class ReferenceRecipe:
    """The reference's: contrastive loss with a margin, shuffled negatives, SGD with momentum and a stepped rate.

    `rows`: how many rows of a sequence are taken, evenly spaced; the reference's files hold 120.
    """

    epochs: int = 40
    batch: int = 64
    margin: float = 1.0
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay: float = 0.7
    decay_every: int = 10
    rows: int = 120


@dataclass(frozen=True)
class ResidualRecipe:
    """InfoNCE with AdamW on one cycle. Dropout of the input is of video, of audio; crops in seconds, both ends.

    Each pair is mixed with `mixed` - 1 others, by shares of a Dirichlet distribution of concentration `mixup`; where
    that is 0, with none. The learned inverse temperature stays at `most_scale` or below.
    """

    shape: ResidualShape
    epochs: int
    batch: int = 2048
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warm_up: float = 0.15
    mixup: float = 1.0
    mixed: int = 2
    input_dropout: tuple[float, float] = (0.3, 0.1)
    dropout: float = 0.2
    most_scale: float = MOST_SCALE
    crop_s: tuple[float, float] = (3.0, 30.0)
    ema: float = 0.0
    patience: int = 1000


@dataclass(frozen=True)
class KernelRecipe:
    """A kernel member: `spread` of the random frequencies of video, of audio, and the ridge."""

    shape: KernelShape
    spread: tuple[float, float]
    ridge: float = 1.0


@dataclass(frozen=True)
class LabelRecipe:
    """Towers that say which of the labels that `least` pairs have; `towers` of video, of audio.

    Their similarity has `weight` beside nets, each of which has 1.
    """

    towers: tuple[TowerShape, TowerShape]
    epochs: int = 16
    batch: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warm_up: float = 0.15
    mixup: float = 1.0
    input_dropout: tuple[float, float] = (0.3, 0.1)
    dropout: float = 0.2
    least: int = 20
    weight: float = 1.0


@dataclass(frozen=True)
class JoinedRecipe:
    """Our metric's: kernel members in closed form, label towers, residual members, and hub correction.

    Where there are `teachers`, these nets are trained first, with `teaching_labels` label towers beside them, and each
    residual member learns from their joined similarities, with `hard_share` of the loss from the true pairs.
    `reduced`: to so many dimensions, if they are more.
    """

    kernels: tuple[KernelRecipe, ...] = ()
    residuals: tuple[ResidualRecipe, ...] = ()
    teachers: tuple[ResidualRecipe, ...] = ()
    teaching_labels: LabelRecipe | None = None
    labels: LabelRecipe | None = None
    hard_share: float = 0.2
    reduced: int | None = None
    hubs: HubShape | None = None

    @property
    def epochs(self) -> int:
        """Over all stages; a kernel member counts as one."""
        labels = sum(each.epochs for each in (self.teaching_labels, self.labels) if each)
        return len(self.kernels) + labels + sum(each.epochs for each in (*self.teachers, *self.residuals))
