"""Residual towers: rows of features of any number, or their mean over time, to one unit vector."""

import math

import torch
from torch import Tensor, nn

from matcher_training.towers.shapes import ResidualShape, TowerShape

LONGEST_PERIOD_S = 1000.0


class ResidualTower(nn.Module):
    """One side. Positions are in seconds, so that sides with another hop line up.

    `centre` [D] and `scale` are those of the training data, so that features of any size may come in.
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self, shape: TowerShape, inputs: int, dim: int, hop_s: float, input_dropout: float = 0.0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(()))
        self._hop_s = hop_s
        self._gated = shape.pooling == "gated"
        self.drop = nn.Dropout(input_dropout)
        self.first = nn.Linear(inputs, shape.width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                shape.width, shape.heads, 2 * shape.width, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(shape.layers)
        )
        self.gate = nn.Linear(shape.width, 1) if self._gated else None
        self.blocks = nn.ModuleList(_Block(shape.width, dropout) for _ in range(shape.blocks))
        self.norm = nn.LayerNorm(shape.width)
        self.last = nn.Linear(shape.width, dim)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Unit vectors float32 [B, dim] of rows [B, T, D]; `mask` bool [B, T] is False where there is no row."""
        return nn.functional.normalize(self.project(features, mask), dim=-1)

    def project(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """float32 [B, dim], of any length."""
        rows = self.drop((features - self.centre) / self.scale)
        if self.layers or self._gated:
            hidden = self._over_time(self.first(rows), mask)
        else:
            hidden = self.first(_mean(rows, mask))
        for block in self.blocks:
            hidden = block(hidden)
        out: Tensor = self.last(self.norm(hidden))
        return out.float()

    def _over_time(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        absent = None if mask is None else ~mask
        if self.layers:
            hidden = hidden + positions(hidden.shape[1], hidden.shape[2], self._hop_s).to(hidden)
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=absent)
        if self.gate is None:
            return _mean(hidden, mask)
        weights: Tensor = self.gate(hidden).squeeze(-1)
        if absent is not None:
            weights = weights.masked_fill(absent, -torch.inf)
        return (weights.softmax(dim=1).unsqueeze(-1) * hidden).sum(dim=1)


class ResidualTowers(nn.Module):
    """Both sides of one member."""

    def __init__(
        self,
        shape: ResidualShape,
        dims: tuple[int, int],
        hops_s: tuple[float, float],
        input_dropout: tuple[float, float] = (0.0, 0.0),
        dropout: float = 0.0,
    ) -> None:
        """`dims`, `hops_s` and `input_dropout`: of video, of audio."""
        super().__init__()
        self.video = ResidualTower(shape.video, dims[0], shape.dim, hops_s[0], input_dropout[0], dropout)
        self.audio = ResidualTower(shape.audio, dims[1], shape.dim, hops_s[1], input_dropout[1], dropout)


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        inside = self.drop(nn.functional.gelu(self.up(self.norm(hidden))))
        out: Tensor = hidden + self.drop(self.down(inside))
        return out


def positions(rows: int, width: int, hop_s: float) -> Tensor:
    """Sines and cosines float32 [rows, width] of each row's middle in seconds (Vaswani et al. 2017, section 3.5)."""
    seconds = (torch.arange(rows) + 0.5) * hop_s
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(LONGEST_PERIOD_S) / width))
    angles = seconds[:, None] * rates[None]
    return 0.1 * torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(rows, width)


def _mean(rows: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return rows.mean(dim=1)
    present = mask.unsqueeze(-1).to(rows.dtype)
    return (rows * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
