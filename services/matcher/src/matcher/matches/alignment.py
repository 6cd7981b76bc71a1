"""Laying a clip along a track, second by second."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.floating[Any]]
BLOCK_ROWS = 256
"""How much of a clip is laid along a track at once: all of two hours along six would take 600 MB."""


def best_offset(clip: Vectors, track: Vectors) -> int:
    """The row of `track` [T, d] at which `clip` [C, d] fits best: the greatest mean inner product of rows that meet.

    The clip lies inside the track, so offsets run from 0 to T − C; 0 where the clip is longer. The first of equals.
    """
    places = len(track) - len(clip) + 1
    if places <= 1:
        return 0
    track = track.astype(np.float32)
    sums = np.zeros(places)
    for first in range(0, len(clip), BLOCK_ROWS):
        rows = clip[first : first + BLOCK_ROWS].astype(np.float32)
        products = rows @ track[first : first + len(rows) + places - 1].T
        down, right = products.strides
        diagonals = np.lib.stride_tricks.as_strided(
            products, (len(rows), places), (down + right, right), writeable=False
        )
        sums += diagonals.sum(axis=0)
    return int(np.argmax(sums))


def by_second(vectors: Vectors, hop_s: float) -> Vectors:
    """Of [T, d], one row every `hop_s` seconds, the row nearest to each whole second that the rows cover."""
    seconds = np.arange(max(1, round(len(vectors) * hop_s)))
    nearest = np.minimum(np.rint(seconds / hop_s).astype(np.int64), len(vectors) - 1)
    taken: Vectors = vectors[nearest]
    return taken
