"""Losses over distances between embeddings."""

import torch
from torch import Tensor, nn

MOST_SCALE = 100.0


def distance_matrix(video: Tensor, audio: Tensor) -> Tensor:
    """Euclidean distances [N, M] between embeddings [N, D] and [M, D], by differences: no cancellation near zero."""
    return torch.cdist(video, audio, compute_mode="donot_use_mm_for_euclid_dist")


def contrastive_loss(distances: Tensor, different: Tensor, margin: float = 1.0) -> Tensor:
    """Hadsell, Chopra & LeCun 2006, as in the reference: the mean of d² (pairs) and max(0, margin − d)² (others).

    `distances` float [B]; `different` [B], 1 (or True) where the two do not belong together. The result is a scalar.
    """
    return torch.where(different.bool(), (margin - distances).clamp(min=0), distances).square().mean()


def info_nce(scores: Tensor, targets: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018), both directions as in CLIP, of scaled similarities [N, N].

    The diagonal holds the pairs. With `targets` [N, N], another model's scaled similarities, the two directions'
    softmax of those are the targets (Hinton et al. 2015): what it finds alike is no false negative.
    """
    if targets is None:
        diagonal = torch.arange(len(scores), device=scores.device)
        both = nn.functional.cross_entropy(scores, diagonal) + nn.functional.cross_entropy(scores.T, diagonal)
    else:
        both = nn.functional.cross_entropy(scores, targets.softmax(dim=1)) + nn.functional.cross_entropy(
            scores.T, targets.T.softmax(dim=1)
        )
    return both / 2
