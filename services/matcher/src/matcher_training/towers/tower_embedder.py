"""Embedding pairs with a metric folder's towers, whole sequences of any length."""

import numpy as np
import numpy.typing as npt
import torch

from matcher_training.data import Sequences, floats
from matcher_training.towers.metric import Metric
from needledrop.features import Modality

ROWS = 4096


class TowerEmbedder:
    """A loaded metric, on the CPU; fulfils `matcher_training.evaluation.report.PairEmbedder`."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric.eval()

    def embed(self, modality: Modality, sequences: Sequences, which: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """float32 [len(which), dim]. Sequences of one length go through the tower together, some thousand rows each."""
        tower = self._metric.audio if modality is Modality.AUDIO else self._metric.video
        lengths, starts = sequences.lengths[which], sequences.offsets[which]
        embeddings = np.empty((len(which), self._metric.dim), np.float32)
        with torch.inference_mode():
            for length in np.unique(lengths):
                alike = np.flatnonzero(lengths == length)
                for batch in np.array_split(alike, -(-len(alike) * int(length) // ROWS)):
                    rows = sequences.codes[starts[batch][:, None] + np.arange(length)]
                    embeddings[batch] = tower(torch.from_numpy(floats(rows))).numpy()
        return embeddings
