"""Embedding clips and windows of tracks with a bundle's metric: the L2 distance of two embeddings is the metric's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from matcher_training.towers.config import MetricConfig
from matcher_training.towers.metric import Metric
from needledrop.features import Codes, Modality, check_matrix, dequantise

Vector = npt.NDArray[np.float32]
Steps = npt.NDArray[np.float16]
BATCH = 256
Timed = tuple[Codes, float]
"""A feature matrix, uint8 [T, D], and how many seconds a row stands for."""


@dataclass(frozen=True)
class Window:
    """One stretch of a track: where it starts, and its embedding, float32 [dim]."""

    start_s: float
    vector: Vector


class Embedder:
    """A loaded metric. Embeddings are float32 [`dim`]; codes of another width raise `FeatureError`."""

    def __init__(
        self, metric: Metric, config: MetricConfig, video_dim: int, audio_dim: int, device: str = "cpu"
    ) -> None:
        self.dim = metric.dim
        self.config = config
        self._device = _device(device)
        self.metric = metric.to(self._device).eval()
        self._dims = {Modality.VIDEO: video_dim, Modality.AUDIO: audio_dim}

    def windows(self, codes: Codes, hop_s: float) -> list[Window]:
        """The windows of a track's audio features, uint8 [T, D], in order of time; see `window_spans`."""
        return self.windows_of([(codes, hop_s)])[0]

    def clip(self, codes: Codes, hop_s: float) -> Vector:
        """The embedding of the first `max_s` seconds of a clip's video features, uint8 [T, D]."""
        vector: Vector = self.clips([(codes, hop_s)])[0]
        return vector

    def steps(self, modality: Modality, codes: Codes, hop_s: float) -> Steps | None:
        """float16 [T, `dim`]: for each row the embedding of the `step_s` seconds around it; None where there are none.

        At the ends the stretch is the one that still fits. Two sides are aligned by the inner product of their steps.
        """
        found = self.steps_of(modality, [(codes, hop_s)])
        return None if found is None else found[0]

    def windows_of(self, tracks: Sequence[Timed]) -> list[list[Window]]:
        """`windows` of each track."""
        for codes, _ in tracks:
            check_matrix(codes, self._dims[Modality.AUDIO])
        spans = [window_spans(len(codes), hop_s, self.config) for codes, hop_s in tracks]
        stretches = [codes[a:b] for (codes, _), own in zip(tracks, spans, strict=True) for a, b in own]
        vectors = iter(self._embed_all(Modality.AUDIO, stretches))
        return [
            [Window(start * hop_s, next(vectors)) for start, _ in own]
            for (_, hop_s), own in zip(tracks, spans, strict=True)
        ]

    def clips(self, clips: Sequence[Timed]) -> Vector:
        """[N, `dim`]: `clip` of each."""
        for codes, _ in clips:
            check_matrix(codes, self._dims[Modality.VIDEO])
        return self._embed_all(Modality.VIDEO, [codes[: _count(self.config.max_s, hop_s)] for codes, hop_s in clips])

    def steps_of(self, modality: Modality, assets: Sequence[Timed]) -> list[Steps] | None:
        """`steps` of each, None where there are none."""
        if self.config.step_s is None:
            return None
        stretches: list[Codes] = []
        for codes, hop_s in assets:
            check_matrix(codes, self._dims[modality])
            length = min(len(codes), _count(self.config.step_s, hop_s))
            starts = np.clip(np.arange(len(codes)) - (length - 1) // 2, 0, len(codes) - length)
            stretches += [codes[start : start + length] for start in starts]
        vectors = self._embed_all(modality, stretches).astype(np.float16)
        return np.split(vectors, np.cumsum([len(codes) for codes, _ in assets])[:-1])

    def _embed_all(self, modality: Modality, stretches: Sequence[Codes]) -> Vector:
        """[N, `dim`], through the tower by batches of those that are equally long."""
        lengths = np.array([len(stretch) for stretch in stretches])
        vectors = np.empty((len(stretches), self.dim), np.float32)
        for length in np.unique(lengths):
            alike = np.flatnonzero(lengths == length)
            for batch in np.array_split(alike, -(-len(alike) // BATCH)):
                vectors[batch] = self._embed(modality, [stretches[index] for index in batch])
        return vectors

    def _embed(self, modality: Modality, stretches: list[Codes]) -> Vector:
        features = torch.from_numpy(dequantise(np.stack(stretches))).to(self._device)
        tower = self.metric.audio if modality is Modality.AUDIO else self.metric.video
        with torch.inference_mode():
            embeddings: Tensor = tower(features)
        return np.asarray(embeddings.cpu().numpy(), dtype=np.float32)


def window_spans(rows: int, hop_s: float, config: MetricConfig) -> list[tuple[int, int]]:
    """Row spans (start, stop) of a track's windows: one every `window_hop_s`, the last one aligned to the end.

    All are equally long; a track shorter than a window is one window.
    """
    length = _count(config.window_s, hop_s)
    if rows <= length:
        return [(0, rows)]
    last = rows - length
    steps = np.arange(0.0, last * hop_s, config.window_hop_s)
    starts = np.unique(np.append(np.minimum(np.round(steps / hop_s), last), last)).astype(int)
    return [(int(start), int(start) + length) for start in starts]


def _count(seconds: float, hop_s: float) -> int:
    return max(1, round(seconds / hop_s))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
