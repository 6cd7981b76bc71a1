"""Epochs a second of the reference's recipe, beside a DataLoader over files."""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from bench.baseline.training import BaselineTraining, write_files
from bench.measure import kept
from bench.report import Table
from bench.settings import BenchSettings
from matcher_training.data import Pairs, Sequences
from matcher_training.fit.recipes import ReferenceRecipe
from matcher_training.fit.reference_fit import ReferenceFit
from matcher_training.towers.reference import make_reference
from needledrop.metric_kind import MetricKind

CASES = (
    ("time means", MetricKind.VA_METRIC2, 1, 8192),
    ("time means", MetricKind.VA_METRIC, 1, 8192),
    ("120 rows", MetricKind.VA_METRIC2, 120, 512),
    ("120 rows", MetricKind.VA_METRIC, 120, 512),
)
EPOCHS = 3


def run(settings: BenchSettings) -> tuple[Table, ...]:
    rows = []
    for what, kind, length, count in CASES:
        pairs = _pairs(count // 8 if settings.quick else count, length)
        with tempfile.TemporaryDirectory() as name:
            write_files(pairs, Path(name) / "pairs")
            plain = {workers: _baseline(Path(name) / "pairs", kind, workers) for workers in (0, 2)}
            ours = _ours(pairs, kind, Path(name) / "checkpoint")
        best = min(plain.values())
        rows.append((kind, what, len(pairs), 1 / plain[0], 1 / plain[2], 1 / ours, best / ours))
    return (
        Table(
            "Training by the reference's recipe, epochs a second",
            ("metric", "pairs of", "pairs", "DataLoader", "DataLoader, 2 workers", "ours", "ours ÷ the better"),
            tuple(rows),
            f"The fastest of {EPOCHS} epochs each, batch 64, {torch.get_num_threads()} threads. Ours also writes a "
            "checkpoint and ranks the held-out pairs.",
        ),
    )


def _baseline(folder: Path, kind: MetricKind, workers: int) -> float:
    training = BaselineTraining(folder, make_reference(kind), ReferenceRecipe(), workers)
    return min(_seconds(training) for _ in range(EPOCHS))


def _seconds(training: BaselineTraining) -> float:
    started = time.perf_counter()
    training.epoch()
    return time.perf_counter() - started


def _ours(pairs: Pairs, kind: MetricKind, checkpoint: Path) -> float:
    moments = []
    held_out = pairs.take(np.arange(64))
    fit = ReferenceFit(kind, ReferenceRecipe(epochs=EPOCHS + 1), pairs, held_out, 0, checkpoint)
    kept(lambda: fit.run(lambda _: moments.append(time.perf_counter())))()
    return float(np.diff(moments).min())


def _pairs(count: int, length: int) -> Pairs:
    rng = np.random.default_rng(0)
    offsets, numbers = np.arange(count + 1) * length, np.arange(count)
    video, audio = (
        Sequences(rng.integers(0, 256, (count * length, dim), np.uint8), offsets, numbers, hop)
        for dim, hop in ((1024, 1.0), (128, 0.96))
    )
    return Pairs(video, audio, numbers, numbers)
