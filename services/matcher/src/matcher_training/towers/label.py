"""Towers that say which labels a clip and a sound have; what they embed is how surely each has which.

Both sides speak of the same labels, so things of one kind are near to each other here whether or not they ever came
together, which pairs alone don't teach.
"""

import torch
from torch import Tensor, nn

from matcher_training.towers.residual import ResidualTower
from matcher_training.towers.shapes import LabelShape, TowerShape


class LabelTower(nn.Module):
    """One side. `prior` [L]: the share of the training pairs with each label; `mean` [L]: of what is embedded."""

    prior: Tensor
    mean: Tensor

    def __init__(
        self, shape: TowerShape, inputs: int, labels: int, hop_s: float, input_dropout: float, dropout: float
    ) -> None:
        super().__init__()
        self.register_buffer("prior", torch.ones(labels))
        self.register_buffer("mean", torch.zeros(labels))
        self.tower = ResidualTower(shape, inputs, labels, hop_s, input_dropout, dropout)

    def logits(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """float32 [B, L] of rows [B, T, D], as `ResidualTower` takes them."""
        return self.tower.project(rows, mask)

    def surety(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, L]: the roots of the labels' probabilities, rare labels weighing more than common ones.

        The inner product of two roots of distributions is Bhattacharyya's coefficient (1943).
        """
        surety: Tensor = self.logits(rows, mask).sigmoid().sqrt() / self.prior.sqrt().sqrt()
        return surety

    def forward(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """Unit vectors float32 [B, L]."""
        return nn.functional.normalize(self.surety(rows, mask) - self.mean, dim=-1)


class LabelTowers(nn.Module):
    """Both sides."""

    def __init__(
        self,
        shape: LabelShape,
        dims: tuple[int, int],
        hops_s: tuple[float, float],
        input_dropout: tuple[float, float] = (0.0, 0.0),
        dropout: float = 0.0,
    ) -> None:
        """Each pair: of video, of audio."""
        super().__init__()
        self.video = LabelTower(shape.video, dims[0], shape.dim, hops_s[0], input_dropout[0], dropout)
        self.audio = LabelTower(shape.audio, dims[1], shape.dim, hops_s[1], input_dropout[1], dropout)
