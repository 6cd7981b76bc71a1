"""Bundles and training pairs made up for the tests: both sides carry the same hidden factors, plus noise."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file

from matcher_training.data import Pairs, Sequences
from needledrop.bundle import Bundle, FileRef, Manifest, MetricPart, SidePart, write_manifest
from needledrop.features import Codes, Modality, quantise
from tests.metric_reference import VA_METRIC2_SHAPES, reference_state_dict

HOP_S = {Modality.AUDIO: 0.96, Modality.VIDEO: 1.0}
DIM = {Modality.AUDIO: 128, Modality.VIDEO: 1024}
CONFIG = {"window_s": 9.6, "window_hop_s": 4.8, "max_s": 10.0}


def random_codes(rows: int, dim: int, seed: int) -> Codes:
    return np.random.default_rng(seed).integers(0, 256, (rows, dim), dtype=np.uint8)


def side(root: Path, modality: Modality) -> SidePart:
    """A side whose weights and PCA are a few bytes each: enough to have hashes, and so a feature space."""
    for suffix in ("backbone", "pca"):
        (root / f"{modality}_{suffix}").write_bytes(f"{modality} {suffix}".encode())
    return SidePart(
        backbone="stand-in",
        files=(FileRef.of(root, f"{modality}_backbone"),),
        pca=FileRef.of(root, f"{modality}_pca"),
        preprocessing="seed",
        hop_s=HOP_S[modality],
        dim=DIM[modality],
    )


def bundle(
    root: Path,
    kind: str = "va_metric2",
    state: dict[str, torch.Tensor] | None = None,
    weights: bytes | None = None,
    audio_space: str | None = None,
) -> Bundle:
    """A bundle with a metric of seeded weights, or with what is given in their place (and a hash that fits)."""
    audio, video = side(root, Modality.AUDIO), side(root, Modality.VIDEO)
    save_file(state or reference_state_dict(VA_METRIC2_SHAPES, "VAMetric2"), root / "metric.safetensors")
    if weights is not None:
        (root / "metric.safetensors").write_bytes(weights)
    metric = MetricPart(
        kind=kind,
        weights=FileRef.of(root, "metric.safetensors"),
        config=dict(CONFIG),
        audio_space=audio_space or audio.space(Modality.AUDIO).id,
        video_space=video.space(Modality.VIDEO).id,
    )
    write_manifest(root, Manifest(name="made-up", audio=audio, video=video, metric=metric))
    return Bundle.load(root)


def sequences(modality: Modality, factors: npt.NDArray[np.float64], rows: int, seed: int, dim: int) -> Sequences:
    """One sequence of `rows` rows for each row of `factors`: a fixed random map of the factors, plus noise."""
    name = int(hashlib.sha256(modality.encode()).hexdigest()[:8], 16)
    projection = np.random.default_rng(name).standard_normal((factors.shape[1], dim))
    noise = np.random.default_rng([seed, name]).standard_normal((len(factors), rows, dim))
    values = (factors @ projection)[:, None] / factors.shape[1] ** 0.5 + 0.3 * noise
    count = len(factors)
    return Sequences(
        codes=quantise(values).reshape(count * rows, -1),
        offsets=np.arange(count + 1) * rows,
        pair=np.arange(count),
        hop_s=HOP_S[modality],
    )


def pairs(count: int, seed: int = 0, video_dim: int = 1024, audio_dim: int = 128) -> Pairs:
    """`count` pairs of six hidden factors, 4 rows of video and 10 of audio each."""
    hidden = np.random.default_rng(seed).standard_normal((count, 6))
    return Pairs.join(
        sequences(Modality.VIDEO, hidden, 4, seed, video_dim), sequences(Modality.AUDIO, hidden, 10, seed, audio_dim)
    )
