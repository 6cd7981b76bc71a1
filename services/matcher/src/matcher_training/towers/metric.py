"""What every metric is: two towers, and the distance between what they embed."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Metric(nn.Module, ABC):
    """Two towers. Inputs are dequantised features, float32 [B, T, D]; embeddings are float32 [B, `dim`]."""

    dim: int

    @abstractmethod
    def video(self, features: Tensor) -> Tensor:
        """Embeddings of B stretches of video features."""

    @abstractmethod
    def audio(self, features: Tensor) -> Tensor:
        """Embeddings of B stretches of audio features."""

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """Distances [B] between B stretches of each side, taken in pairs. T may differ between the sides."""
        distances: Tensor = torch.linalg.vector_norm(self.video(video) - self.audio(audio), dim=-1)
        return distances
