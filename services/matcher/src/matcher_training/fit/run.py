"""One run of a training: what it is given, and what it gives."""

from dataclasses import dataclass
from pathlib import Path

from matcher_training.data import Pairs
from matcher_training.fit.progress import Report
from matcher_training.towers.metric import Metric
from matcher_training.towers.shapes import MetricShape


@dataclass(frozen=True)
class TrainingRun:
    """Pairs to train on and pairs that are held out; `work` is the folder that the run goes on from."""

    train: Pairs
    held_out: Pairs
    seed: int
    work: Path
    report: Report

    @property
    def hops_s(self) -> tuple[float, float]:
        """Seconds between rows: of video, of audio."""
        return self.train.video.hop_s, self.train.audio.hop_s


FittedMetric = tuple[Metric, MetricShape | None]
"""A trained metric in eval mode, and the shape of its towers where its kind has one."""
