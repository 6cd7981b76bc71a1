"""Hub correction: some items are near to everything, and crowd out the right answers.

Query-bank normalisation (Bogolin et al. 2022) in the form of inverted softmax (Smith et al. 2017): an item's affinity
to a bank of queries is taken off its similarity. Done here with three more coordinates, so that the corrected
similarity still is the inner product of two unit vectors, and the nearest neighbour by distance the best match.
"""

import math

import torch
from torch import Tensor, nn

from matcher_training.towers.shapes import HubShape

EXTRA = 4
SQUARED_LENGTH = 4.0


class HubCorrection(nn.Module):
    """Banks of training embeddings of both sides; `video_bank` and `audio_bank` float32 [bank, dim]."""

    video_bank: Tensor
    audio_bank: Tensor

    def __init__(self, shape: HubShape, dim: int) -> None:
        super().__init__()
        self._beta = shape.beta
        self._strength = shape.strength
        self.register_buffer("video_bank", torch.zeros(shape.bank, dim))
        self.register_buffer("audio_bank", torch.zeros(shape.bank, dim))

    def video(self, embeddings: Tensor) -> Tensor:
        """Unit vectors [B, dim + 4] of unit vectors [B, dim]."""
        own = self._offset(embeddings, self.audio_bank)
        one = torch.ones_like(own)
        return _unit([embeddings, one, -own], before=True)

    def audio(self, embeddings: Tensor) -> Tensor:
        """Unit vectors [B, dim + 4] of unit vectors [B, dim]."""
        own = self._offset(embeddings, self.video_bank)
        one = torch.ones_like(own)
        return _unit([embeddings, -own, one], before=False)

    def _offset(self, embeddings: Tensor, bank: Tensor) -> Tensor:
        """`strength` times the soft maximum of the similarities to the bank, [B, 1], within ±`strength`."""
        affinity = torch.logsumexp(self._beta * embeddings @ bank.T, dim=-1, keepdim=True) - math.log(len(bank))
        return self._strength * affinity / self._beta


def _unit(parts: list[Tensor], before: bool) -> Tensor:
    """Fill up to one length in a coordinate that the other side leaves empty, then scale to one."""
    joined = torch.cat(parts, dim=-1)
    slack = (SQUARED_LENGTH - joined.square().sum(dim=-1, keepdim=True)).clamp(min=0).sqrt()
    empty = torch.zeros_like(slack)
    filled = torch.cat([joined, slack, empty] if before else [joined, empty, slack], dim=-1)
    return filled / math.sqrt(SQUARED_LENGTH)
