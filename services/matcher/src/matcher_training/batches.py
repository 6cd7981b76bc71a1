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


def mixup(batch: Batch, share: float, order: Tensor) -> Batch:
    """Each pair with `share` of itself and the rest of pair `order[i]`, the same on both sides (Zhang et al. 2018)."""

    def mixed(side: Side) -> Side:
        rows = share * side.rows + (1 - share) * side.rows[order]
        return Side(rows, None if side.mask is None else side.mask | side.mask[order])

    return Batch(mixed(batch.video), mixed(batch.audio))


def _sides(pairs: Pairs) -> tuple[tuple[Sequences, Indices], tuple[Sequences, Indices]]:
    return (pairs.video, pairs.video_index), (pairs.audio, pairs.audio_index)


def _side(cropped: Crop) -> Side:
    mask = None if cropped.mask.all() else torch.from_numpy(cropped.mask)
    return Side(torch.from_numpy(floats(cropped.rows)), mask)
