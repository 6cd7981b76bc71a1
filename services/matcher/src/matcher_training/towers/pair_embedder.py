"""Embedding pairs with a metric folder's towers, whole sequences of any length."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from matcher_training.data import Pairs, Sequences, floats
from matcher_training.towers.embedder import load_towers
from matcher_training.towers.reference import Metric
from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import Modality, require_space
from needledrop.metric import MetricCard

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


def load_tower_embedder(folder: Path, pairs: Pairs) -> TowerEmbedder:
    """The metric of a folder, for these pairs.

    `BundleError` where the folder holds no whole metric; `FeatureError` where it was trained on features of another
    width or another feature space than the pairs have.
    """
    card = MetricCard.load(folder)
    for modality, sequences in ((Modality.VIDEO, pairs.video), (Modality.AUDIO, pairs.audio)):
        side = card.side(modality)
        if side.dim != sequences.dim:
            raise FeatureError(
                ErrorCode.FEATURES_INVALID,
                f"{card.name} takes {modality} features of {side.dim} columns, the data has {sequences.dim}",
            )
        if side.space is not None and sequences.space is not None:
            require_space(sequences.space, side.space)
    return TowerEmbedder(load_towers(folder))
