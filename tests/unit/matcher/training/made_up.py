"""Pairs of which a metric can learn something in a second."""

import numpy as np

from matcher_training.data import Pairs, Sequences


def pairs(count: int, groups: list[int] | None = None) -> Pairs:
    """Pairs of 12 s whose two sides, 24 and 16 wide, are the same few numbers, mixed each in its own way."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(count, 6))
    sides = []
    for dim in (24, 16):
        mixed = hidden @ rng.normal(size=(6, dim)) * 20 + 128
        rows = np.repeat(mixed, 12, axis=0) + rng.normal(size=(count * 12, dim))
        codes = np.clip(rows, 0, 255).astype(np.uint8)
        sides.append(Sequences(codes, np.arange(count + 1) * 12, np.arange(count), 1.0, f"space-{dim}"))
    joined = Pairs.join(*sides)
    return Pairs(
        joined.video,
        joined.audio,
        joined.video_index,
        joined.audio_index,
        groups=np.arange(count) if groups is None else np.array(groups),
    )
