"""Drawing equally long stretches from sequences."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matcher_training.data.pairs import Pairs
from matcher_training.data.sequences import Indices, Rows, Sequences
from needledrop.features import dequantise


@dataclass(frozen=True)
class Crop:
    """Contiguous stretches. `rows`: [n, R, D]; `mask`: bool [n, R], False where a sequence had ended (rows are 0)."""

    rows: Rows
    mask: npt.NDArray[np.bool_]


def floats(rows: Rows) -> npt.NDArray[np.float32]:
    """float32 of the same shape: uint8 codes dequantised, floats as they are."""
    return dequantise(rows) if rows.dtype == np.uint8 else rows.astype(np.float32, copy=False)


def stack(sequences: Sequences, which: Indices, rows: int, rng: np.random.Generator | None = None) -> Rows:
    """[len(which), rows, D] as stored: `rows` rows of each sequence in their order of time.

    With `rng` a random subset, without it evenly spaced rows. Sequences with fewer rows repeat some.
    """
    starts, ends = sequences.offsets[which][:, None], sequences.offsets[which + 1][:, None]
    lengths = ends - starts
    if rng is None:
        steps = ((np.arange(rows) + 0.5) * lengths / rows).astype(np.int64)
    else:
        steps = np.stack([np.sort(rng.choice(length, rows, replace=rows > length)) for (length,) in lengths])
    return np.asarray(sequences.codes[starts + steps])


def crop(sequences: Sequences, which: Indices, starts_s: npt.NDArray[np.float64], seconds: float) -> Crop:
    """`seconds` of each sequence from `starts_s` [len(which)] on, R = round(seconds / hop_s) and at least one row.

    A start is rounded to the nearest row, and moved back as far as needed for the stretch to lie inside the sequence.
    """
    count = max(1, round(seconds / sequences.hop_s))
    lengths = sequences.lengths[which]
    first = np.clip(np.round(starts_s / sequences.hop_s).astype(np.int64), 0, np.maximum(lengths - count, 0))
    steps = first[:, None] + np.arange(count)
    mask = steps < lengths[:, None]
    picked = sequences.offsets[which][:, None] + np.minimum(steps, lengths[:, None] - 1)
    rows = np.array(sequences.codes[picked])
    rows[~mask] = 0
    return Crop(rows, mask)


def crop_starts(pairs: Pairs, seconds: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A random start in seconds for each pair, float64 [N], one for both sides, so that crops show the same moment.

    Uniform over the starts that leave `seconds` of both sides; 0 where the shorter side has no more than that.
    """
    video = pairs.video.lengths[pairs.video_index] * pairs.video.hop_s
    audio = pairs.audio.lengths[pairs.audio_index] * pairs.audio.hop_s
    latest: npt.NDArray[np.float64] = np.maximum(np.minimum(video, audio) - seconds, 0.0)
    return rng.uniform(size=len(pairs)) * latest
