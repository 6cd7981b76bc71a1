"""The order in which clips find the tracks of a small library."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_extractor.extractor import load
from matcher_training.bundles.loading import load_embedder
from needledrop.bundle import Bundle
from needledrop.features import Codes
from needledrop.settings import CoreSettings

Ranks = npt.NDArray[np.int64]


def extracted(bundle: Bundle, core: CoreSettings, tracks: list[Path]) -> list[Codes]:
    """The tracks' features."""
    extractor = load(bundle, core)
    return [extractor.extract(path, lambda _: None).features for path in tracks]


def ranked(bundle: Bundle, clips: list[Codes], tracks: list[Codes]) -> Ranks:
    """int64 [clips, tracks]: the tracks' numbers, nearest first, by the distance of a track's nearest window."""
    embedder = load_embedder(bundle)
    windows = [np.stack([window.vector for window in embedder.windows(codes, bundle.audio.hop_s)]) for codes in tracks]
    found = []
    for codes in clips:
        vector = embedder.clip(codes, bundle.video.hop_s)
        found.append(np.argsort([np.linalg.norm(each - vector, axis=1).min() for each in windows], kind="stable"))
    return np.stack(found)


def overlap(one: Ranks, other: Ranks) -> tuple[float, float]:
    """Over the clips, how often the first track is the same, and what share of the first ten is in both."""
    shared = [len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(one, other, strict=True)]
    return float((one[:, 0] == other[:, 0]).mean()), float(np.mean(shared))
