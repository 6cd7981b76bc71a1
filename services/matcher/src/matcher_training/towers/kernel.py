"""Kernel canonical correlation towers, fitted in closed form: what a few thousand pairs are enough for.

A clip is the set of its rows. The kernel of two sets is the mean of the Gaussian kernel over their rows (Gretton et al.
2012), approximated by random Fourier features (Rahimi & Recht 2007); canonical correlation between the two sides then
is linear algebra (Hardoon et al. 2004; randomised: Lopez-Paz et al. 2014).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from matcher_training.towers.shapes import KernelShape


class KernelTower(nn.Module):
    """One side: random features of each row, their mean over time, and a linear map to the canonical directions."""

    centre: Tensor
    scale: Tensor
    frequencies: Tensor
    phases: Tensor
    mean: Tensor
    directions: Tensor

    def __init__(self, inputs: int, features: int, dim: int) -> None:
        super().__init__()
        for name, shape in {
            "centre": (inputs,),
            "scale": (),
            "frequencies": (inputs, features),
            "phases": (features,),
            "mean": (features,),
            "directions": (features, dim),
        }.items():
            self.register_buffer(name, torch.ones(()) if name == "scale" else torch.zeros(shape))

    def features(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """The mean over time [B, features] of the random Fourier features of rows [B, T, D]."""
        waves = torch.cos((rows - self.centre) / self.scale @ self.frequencies + self.phases)
        if mask is None:
            return waves.mean(dim=1)
        present = mask.unsqueeze(-1).to(waves.dtype)
        return (waves * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)

    def forward(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """Unit vectors float32 [B, dim]."""
        return nn.functional.normalize((self.features(rows, mask) - self.mean) @ self.directions, dim=-1)


class KernelTowers(nn.Module):
    """Both sides of one member."""

    def __init__(self, shape: KernelShape, dims: tuple[int, int]) -> None:
        """`dims`: of video, of audio."""
        super().__init__()
        self.video = KernelTower(dims[0], shape.features, shape.dim)
        self.audio = KernelTower(dims[1], shape.features, shape.dim)


def draw_frequencies(tower: KernelTower, spread: float, generator: torch.Generator) -> None:
    """Draw the tower's random features. `spread`: how often a row of typical length makes the waves turn."""
    tower.frequencies.copy_(torch.randn(tower.frequencies.shape, generator=generator) * spread)
    tower.phases.copy_(torch.rand(tower.phases.shape, generator=generator) * 2 * math.pi)


def fit_directions(
    towers: KernelTowers, video: Tensor, audio: Tensor, ridge: float, alive: Callable[[], None] = lambda: None
) -> None:
    """Ridge CCA between random features [N, F] of both sides, the directions scaled by their correlations.

    `ridge` is added to each covariance, as a multiple of its mean variance.
    """
    means = video.mean(dim=0), audio.mean(dim=0)
    centred = [side.double() - mean.double() for side, mean in zip((video, audio), means, strict=True)]
    roots = []
    for side in centred:
        roots.append(_root(side.T @ side / len(side), ridge))
        alive()
    between = centred[0].T @ centred[1] / len(video)
    # R1⁻¹ C R2⁻ᵀ, by two triangular systems.
    half = torch.linalg.solve_triangular(roots[0], between, upper=False)
    whitened = torch.linalg.solve_triangular(roots[1], half.T, upper=False).T
    left, correlations, right = torch.linalg.svd(whitened, full_matrices=False)
    alive()
    dim = towers.video.directions.shape[1]
    for tower, mean, root, basis in (
        (towers.video, means[0], roots[0], left),
        (towers.audio, means[1], roots[1], right.T),
    ):
        directions = torch.linalg.solve_triangular(root.T, basis[:, :dim], upper=True)
        tower.mean.copy_(mean)
        tower.directions.copy_((directions * correlations[:dim]).float())


def _root(covariance: Tensor, ridge: float) -> Tensor:
    """Lower triangular, its product with its transpose the covariance plus the ridge."""
    shift = ridge * covariance.diagonal().mean() + 1e-12
    root: Tensor = torch.linalg.cholesky(covariance + shift * torch.eye(len(covariance), dtype=covariance.dtype))
    return root
