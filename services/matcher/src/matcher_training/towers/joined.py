"""Our metric: members' unit embeddings joined end to end, reduced and corrected for hubs where the shape says so."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from matcher_training.towers.hub_correction import EXTRA, HubCorrection
from matcher_training.towers.kernel import KernelTowers
from matcher_training.towers.label import LabelTowers
from matcher_training.towers.metric import Metric
from matcher_training.towers.residual import ResidualTowers
from matcher_training.towers.shapes import KernelShape, LabelShape, MemberShape, MetricShape
from needledrop.errors import BundleError, ErrorCode

Towers = KernelTowers | LabelTowers | ResidualTowers


class JoinedMetric(Metric):
    """The kind `needledrop`. Embeddings are unit vectors; the similarity is the weighted mean of the members'."""

    projection: Tensor | None

    def __init__(self, shape: MetricShape, dims: tuple[int, int], hops_s: tuple[float, float]) -> None:
        """`dims` and `hops_s` (seconds between rows): of video, of audio."""
        super().__init__()
        self.shape = shape
        self.members = nn.ModuleList(_towers(member, dims, hops_s) for member in shape.members)
        total = sum(member.weight for member in shape.members)
        self._factors = [(member.weight / total) ** 0.5 for member in shape.members]
        inner = sum(member.dim for member in shape.members)
        if shape.reduced:
            self.register_buffer("projection", torch.zeros(inner, shape.reduced))
            inner = shape.reduced
        else:
            self.projection = None
        self.hubs: HubCorrection | None = HubCorrection(shape.hubs, inner) if shape.hubs else None
        self.dim = inner + (EXTRA if shape.hubs else 0)

    def video(self, features: Tensor) -> Tensor:
        embeddings = self.plain_video(features)
        return nn.functional.normalize(embeddings, dim=-1) if self.hubs is None else self.hubs.video(embeddings)

    def audio(self, features: Tensor) -> Tensor:
        embeddings = self.plain_audio(features)
        return nn.functional.normalize(embeddings, dim=-1) if self.hubs is None else self.hubs.audio(embeddings)

    def plain_video(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Vectors [B, inner] before the hub correction: of length one, or less where they are reduced."""
        return self._join([member.video(features, mask) for member in self.towers()])

    def plain_audio(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._join([member.audio(features, mask) for member in self.towers()])

    def towers(self) -> Iterator[Towers]:
        for member in self.members:
            assert isinstance(member, Towers)
            yield member

    def _join(self, embeddings: list[Tensor]) -> Tensor:
        joined = torch.cat([factor * each for factor, each in zip(self._factors, embeddings, strict=True)], dim=-1)
        if self.projection is None:
            return joined
        reduced: Tensor = joined @ self.projection
        return reduced


def make_joined(dims: tuple[int, int], hops_s: tuple[float, float], shape: MetricShape | None) -> JoinedMetric:
    """An untrained one. `BundleError` where the shape is missing, which a metric's configuration has to hold."""
    if shape is None:
        raise BundleError(ErrorCode.BUNDLE_INVALID, "the metric's configuration: towers: Field required")
    return JoinedMetric(shape, dims, hops_s)


def _towers(shape: MemberShape, dims: tuple[int, int], hops_s: tuple[float, float]) -> Towers:
    if isinstance(shape, KernelShape):
        return KernelTowers(shape, dims)
    return LabelTowers(shape, dims, hops_s) if isinstance(shape, LabelShape) else ResidualTowers(shape, dims, hops_s)


def reduction(video: Tensor, audio: Tensor, dim: int) -> Tensor:
    """The projection [inner, dim] onto the directions in which joined embeddings [N, inner] of both sides are longest.

    Members that learned one thing say it in turned spaces: most of what is joined is said by a third of the directions.
    """
    _, directions = torch.linalg.eigh((video.T @ video + audio.T @ audio).double())
    longest: Tensor = directions.flip(1)[:, :dim].float()
    return longest
