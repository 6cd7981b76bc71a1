"""Embeddings of held-out pairs, and how well they find each other, for choosing among epochs and recipes."""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from matcher_training.data import Pairs
from matcher_training.evaluation.retrieval import embedding_ranks
from matcher_training.fit.batches import crops, longest_s, parts

CHUNK = 1024


class Towers(Protocol):
    """Both sides: rows float32 [B, T, D] and a mask bool [B, T] or None, to embeddings float32 [B, dim]."""

    @property
    def video(self) -> Callable[[Tensor, Tensor | None], Tensor]: ...

    @property
    def audio(self) -> Callable[[Tensor, Tensor | None], Tensor]: ...


def embed_pairs(towers: Towers, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """float32 [N, dim] of video and of audio, whole sequences, a mask where they are of different lengths."""
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    order = []
    with torch.inference_mode():
        for which in parts(pairs, CHUNK):
            part = pairs.take(which)
            batch = crops(part, longest_s(part), None)
            found[0].append(towers.video(batch.video.rows, batch.video.mask))
            found[1].append(towers.audio(batch.audio.rows, batch.audio.mask))
            order.append(which)
    back = torch.from_numpy(np.argsort(np.concatenate(order)))
    return torch.cat(found[0])[back], torch.cat(found[1])[back]


def held_out_rank(towers: Towers, pairs: Pairs) -> float:
    """`mean_reciprocal_rank` of the pairs; NaN where there are none."""
    return mean_reciprocal_rank(*embed_pairs(towers, pairs)) if len(pairs) else math.nan


def mean_reciprocal_rank(video: Tensor, audio: Tensor) -> float:
    """The mean of 1 / rank of each clip's own sound among all of them, 0…1; a tie counts against it."""
    return float((1 / embedding_ranks(video.numpy(), audio.numpy())).mean())
