"""Batches for training: crops of both sides at the same moment, as tensors, and their mixtures."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from matcher_training.data import Crop, Pairs, Sequences, crop, crop_starts, floats
from matcher_training.data.sequences import Indices

LEAST_SHARE = 1e-6
ROWS = 1 << 15
"""Of a side in memory at once, where whole sequences are embedded: 128 MiB of 1,024 float32 columns."""


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


def parts(pairs: Pairs, most: int) -> Iterator[Indices]:
    """The numbers of all pairs, by batches of `most` pairs at most, for `crops` of whole sequences.

    Short ones first, so that little is padded: a batch holds `ROWS` rows of a side at most, or a single pair.
    """
    seconds = np.maximum(*(side.lengths[index] * side.hop_s for side, index in _sides(pairs)))
    rows = np.ceil(seconds / min(pairs.video.hop_s, pairs.audio.hop_s)).astype(np.int64)
    order = np.argsort(rows, kind="stable")
    start = 0
    while start < len(order):
        padded = np.arange(1, most + 1)[: len(order) - start] * rows[order[start : start + most]]
        count = max(1, int(np.searchsorted(padded, ROWS, side="right")))
        yield order[start : start + count]
        start += count


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
    """The batch's mixtures, the same on both sides (Zhang et al. 2018).

    Where some of a mixture's sequences have ended, its rows are those of the others, by their shares.
    """

    def mixed(side: Side) -> Side:
        total = torch.zeros_like(side.rows)
        present = torch.zeros(side.rows.shape[:2])
        for shares, members in zip(mixture.shares.T, mixture.members.T, strict=True):
            weights = shares[:, None].expand_as(present)
            if side.mask is not None:
                weights = weights * side.mask[members]
            total += weights[..., None] * side.rows[members]
            present += weights
        if side.mask is None:
            return Side(total, None)
        return Side(total / present.clamp(min=LEAST_SHARE)[..., None], side.mask[mixture.members].any(dim=1))

    return Batch(mixed(batch.video), mixed(batch.audio))


def _sides(pairs: Pairs) -> tuple[tuple[Sequences, Indices], tuple[Sequences, Indices]]:
    return (pairs.video, pairs.video_index), (pairs.audio, pairs.audio_index)


def _side(cropped: Crop) -> Side:
    mask = None if cropped.mask.all() else torch.from_numpy(cropped.mask)
    return Side(torch.from_numpy(floats(cropped.rows)), mask)
