"""The reference's two metrics, under its parameter names, so that its weights load as they are.

Both embed each side on its own; the metric is the Euclidean distance between the embeddings.
"""

import torch
from torch import Tensor, nn

from matcher_training.towers.metric import Metric
from needledrop.metric_kind import MetricKind


class VAMetric(Metric):
    """The reference's `VAMetric`: a two-layer LSTM a side, its last output, and one shared linear layer, 64-d.

    Initial states are zero, where the reference draws them at random at each call.
    """

    dim = 64

    def __init__(self, video_dim: int = 1024, audio_dim: int = 128, hidden: int = 128) -> None:
        super().__init__()
        self.VFeatPool = LastOutput(video_dim, hidden)
        self.AFeatPool = LastOutput(audio_dim, hidden)
        self.fc = _linear(hidden, self.dim)

    def video(self, features: Tensor) -> Tensor:
        return _apply(self.fc, _apply(self.VFeatPool, features))

    def audio(self, features: Tensor) -> Tensor:
        return _apply(self.fc, _apply(self.AFeatPool, features))


class VAMetric2(Metric):
    """The reference's `VAMetric2`: maximum over time, video through a linear layer and ReLU, one shared layer, 96-d.

    The shared layer takes audio features as they are, so the hidden size is the audio features' dimension.
    """

    dim = 96

    def __init__(self, video_dim: int = 1024, audio_dim: int = 128) -> None:
        super().__init__()
        self.vfc = _linear(video_dim, audio_dim)
        self.fc = _linear(audio_dim, self.dim)

    def video(self, features: Tensor) -> Tensor:
        return _apply(self.fc, torch.relu(_apply(self.vfc, _peak(features))))

    def audio(self, features: Tensor) -> Tensor:
        return _apply(self.fc, _peak(features))


class LastOutput(nn.Module):
    """A two-layer LSTM over [B, T, D] from zero states; its output [B, hidden] at the last time step."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(dim, hidden, num_layers=2, batch_first=True)

    def forward(self, features: Tensor) -> Tensor:
        if features.shape[1] == 1:
            return self._first_output(self._first_output(features[:, 0], layer=0), layer=1)
        outputs: Tensor = self.rnn(features)[0]
        return outputs[:, -1]

    def _first_output(self, inputs: Tensor, layer: int) -> Tensor:
        """A layer's output [B, hidden] after its first step, in a fifth of the LSTM's time: no sequence to unroll."""
        input_weight, state_weight, input_bias, state_bias = self.rnn.all_weights[layer]
        # The state is zero, but its weights are to get their gradient, zero, and with it their weight decay.
        state = nn.functional.linear(state_weight.new_zeros(1, self.rnn.hidden_size), state_weight, state_bias)
        entry, _, cell, output = (nn.functional.linear(inputs, input_weight, input_bias) + state).chunk(4, dim=-1)
        return output.sigmoid() * (entry.sigmoid() * cell.tanh()).tanh()


def make_reference(kind: MetricKind, video_dim: int = 1024, audio_dim: int = 128) -> Metric:
    """One of the reference's metrics, untrained, drawn from torch's global generator (Xavier, zeros, as there)."""
    return VAMetric(video_dim, audio_dim) if kind is MetricKind.VA_METRIC else VAMetric2(video_dim, audio_dim)


def _peak(features: Tensor) -> Tensor:
    """The maximum over time [B, D]; of a single row the row itself, without looking through it."""
    return features[:, 0] if features.shape[1] == 1 else features.amax(dim=1)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _apply(module: nn.Module, inputs: Tensor) -> Tensor:
    outputs: Tensor = module(inputs)
    return outputs
