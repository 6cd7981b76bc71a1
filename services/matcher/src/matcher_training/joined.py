"""Our metric: members' unit embeddings joined end to end, corrected for hubs where the shape says so."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from matcher_training.hubs import EXTRA, HubCorrection
from matcher_training.kernel import KernelTowers
from matcher_training.residual import ResidualTowers
from matcher_training.shapes import KernelShape, MetricShape
from matcher_training.towers import Metric


class JoinedMetric(Metric):
    """The kind `needledrop`. Embeddings are unit vectors; the similarity is the weighted mean of the members'."""

    def __init__(self, shape: MetricShape, dims: tuple[int, int], hops_s: tuple[float, float]) -> None:
        """`dims` and `hops_s` (seconds between rows): of video, of audio."""
        super().__init__()
        self.members = nn.ModuleList(
            KernelTowers(member, dims) if isinstance(member, KernelShape) else ResidualTowers(member, dims, hops_s)
            for member in shape.members
        )
        total = sum(member.weight for member in shape.members)
        self._factors = [(member.weight / total) ** 0.5 for member in shape.members]
        inner = sum(member.dim for member in shape.members)
        self.hubs: HubCorrection | None = HubCorrection(shape.hubs, inner) if shape.hubs else None
        self.dim = inner + (EXTRA if shape.hubs else 0)

    def video(self, features: Tensor) -> Tensor:
        embeddings = self.plain_video(features)
        return embeddings if self.hubs is None else self.hubs.video(embeddings)

    def audio(self, features: Tensor) -> Tensor:
        embeddings = self.plain_audio(features)
        return embeddings if self.hubs is None else self.hubs.audio(embeddings)

    def plain_video(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Unit vectors [B, inner] before the hub correction."""
        return self._join([member.video(features, mask) for member in self.towers()])

    def plain_audio(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._join([member.audio(features, mask) for member in self.towers()])

    def towers(self) -> Iterator[KernelTowers | ResidualTowers]:
        for member in self.members:
            assert isinstance(member, KernelTowers | ResidualTowers)
            yield member

    def _join(self, embeddings: list[Tensor]) -> Tensor:
        return torch.cat([factor * each for factor, each in zip(self._factors, embeddings, strict=True)], dim=-1)
