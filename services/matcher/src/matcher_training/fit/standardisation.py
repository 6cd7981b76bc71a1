"""Centring and scaling a tower's inputs by the training data."""

import math

import numpy as np
import numpy.typing as npt
import torch

from matcher_training.data import Pairs, Sequences, floats
from matcher_training.data.sequences import Indices
from matcher_training.towers.kernel import KernelTower
from matcher_training.towers.residual import ResidualTower


def standardise(towers: tuple[ResidualTower, ResidualTower] | tuple[KernelTower, KernelTower], train: Pairs) -> None:
    """Set each side's centre and scale to the mean and overall deviation of the rows of 4,096 training sequences."""
    some = train.take(np.linspace(0, len(train) - 1, min(len(train), 4096)).astype(np.int64))
    _set_moments(towers[0], some.video, some.video_index)
    _set_moments(towers[1], some.audio, some.audio_index)


def _set_moments(tower: ResidualTower | KernelTower, sequences: Sequences, index: Indices) -> None:
    centre, scale = _moments(sequences, index)
    tower.centre.copy_(torch.from_numpy(centre))
    tower.scale.fill_(max(scale, 1e-6))


def _moments(sequences: Sequences, index: Indices) -> tuple[npt.NDArray[np.float64], float]:
    """The mean [D] of these sequences' rows, and the root of the mean square of what is left without it."""
    count = int(sequences.lengths[index].sum())
    mean = sum((_values(sequences, number).sum(axis=0) for number in index), np.zeros(sequences.dim)) / count
    squares = sum(float(np.square(_values(sequences, number) - mean).sum()) for number in index)
    return mean, math.sqrt(squares / (count * sequences.dim))


def _values(sequences: Sequences, number: int) -> npt.NDArray[np.float64]:
    return floats(sequences[number]).astype(np.float64)
