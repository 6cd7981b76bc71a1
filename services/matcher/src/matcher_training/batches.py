"""Batches for training: crops of both sides at the same moment, as tensors, and their mixtures."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from matcher_training.data import Crop, Pairs, Sequences, crop, crop_starts, floats
from matcher_training.data.sequences import Indices


@dataclass(frozen=True)
class Side:
    """Rows float32 [B, T, D] of one side, and which of them exist, bool [B, T]; None where all do."""

    rows: Tensor
    mask: Tensor | None


@dataclass(frozen=True)
class Batch:
    """Row i of one side belongs to row i of the other. T may differ between the sides."""

    video: Side
    audio: Side

    def __len__(self) -> int:
        return len(self.video.rows)


def longest_s(pairs: Pairs) -> float:
    """Seconds of the longest sequence of either side."""
    return float(max(side.lengths[index].max() * side.hop_s for side, index in _sides(pairs)))


def crops(pairs: Pairs, seconds: float, rng: np.random.Generator | None) -> Batch:
    """`seconds` of each pair: at a random moment with `rng`, from the start without. Shorter sequences are masked."""
    starts = np.zeros(len(pairs)) if rng is None else crop_starts(pairs, seconds, rng)
    video, audio = (_side(crop(side, index, starts, seconds)) for side, index in _sides(pairs))
    return Batch(video, audio)


@dataclass(frozen=True)
class Mixture:
    """What each pair of a batch is mixed with: `shares` float32 [B, M] of the pairs `members` int64 [B, M]."""

    shares: Tensor
    members: Tensor


def draw_mixture(count: int, members: int, concentration: float, rng: np.random.Generator) -> Mixture:
    """So many random members for each pair, the first of them itself, which gets the largest of its shares.

    The shares are of a Dirichlet distribution; with two members that is mixup's Beta.
    """
    shares = rng.dirichlet([concentration] * members, count).astype(np.float32)
    orders = [np.arange(count), *(rng.permutation(count) for _ in range(members - 1))]
    return Mixture(
        torch.from_numpy(-np.sort(-shares, axis=1)),
        torch.from_numpy(np.stack(orders, axis=1)),
    )


def mixup(batch: Batch, mixture: Mixture) -> Batch:
    """The batch's mixtures, the same on both sides (Zhang et al. 2018)."""

    def mixed(side: Side) -> Side:
        rows = sum_of(side.rows)
        if side.mask is None:
            return Side(rows, None)
        return Side(rows, side.mask[mixture.members].any(dim=1))

    def sum_of(rows: Tensor) -> Tensor:
        total = torch.zeros_like(rows)
        for shares, members in zip(mixture.shares.T, mixture.members.T, strict=True):
            total += shares[:, None, None] * rows[members]
        return total

    return Batch(mixed(batch.video), mixed(batch.audio))


def _sides(pairs: Pairs) -> tuple[tuple[Sequences, Indices], tuple[Sequences, Indices]]:
    return (pairs.video, pairs.video_index), (pairs.audio, pairs.audio_index)


def _side(cropped: Crop) -> Side:
    mask = None if cropped.mask.all() else torch.from_numpy(cropped.mask)
    return Side(torch.from_numpy(floats(cropped.rows)), mask)
