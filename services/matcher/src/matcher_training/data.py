"""Training data: sequences of feature codes of both sides, joined into pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import Codes, check_matrix

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sequences:
    """N sequences of one side, one row every `hop_s` seconds.

    `codes`: uint8 [sum of T, D]; sequence i is its rows offsets[i]…offsets[i + 1], and belongs to pair `pair[i]`.
    """

    codes: Codes
    offsets: Indices
    pair: Indices
    hop_s: float

    def __len__(self) -> int:
        return len(self.pair)

    def __getitem__(self, index: int) -> Codes:
        """uint8 [T, D] of one sequence."""
        return self.codes[self.offsets[index] : self.offsets[index + 1]]

    @property
    def dim(self) -> int:
        return int(self.codes.shape[1])

    @classmethod
    def read(cls, path: Path, dim: int) -> Self:
        """From an `.npz` with `codes`, `offsets`, `pair` and `hop_s`; `FeatureError` where it is malformed."""
        try:
            with np.load(path, allow_pickle=False) as file:
                codes, offsets, pair, hop_s = (file[key] for key in ("codes", "offsets", "pair", "hop_s"))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise _invalid(f"{path.name} is not an .npz of training sequences") from error
        check_matrix(codes, dim)
        if offsets.ndim != 1 or pair.ndim != 1 or len(offsets) != len(pair) + 1:
            raise _invalid(f"{path.name}: offsets must be one longer than pair")
        if offsets[0] != 0 or offsets[-1] != len(codes) or (np.diff(offsets) < 1).any():
            raise _invalid(f"{path.name}: offsets must rise from 0 to the number of rows")
        if len(np.unique(pair)) != len(pair):
            raise _invalid(f"{path.name}: a pair occurs twice")
        if hop_s.ndim != 0 or not hop_s > 0:
            raise _invalid(f"{path.name}: hop_s must be one positive number")
        return cls(codes, offsets.astype(np.int64), pair.astype(np.int64), float(hop_s))


@dataclass(frozen=True)
class Pairs:
    """The sequences that both sides have: pair i is video[video_index[i]] with audio[audio_index[i]]."""

    video: Sequences
    audio: Sequences
    video_index: Indices
    audio_index: Indices

    def __len__(self) -> int:
        return len(self.video_index)

    @classmethod
    def join(cls, video: Sequences, audio: Sequences) -> Self:
        """Match by pair number; `FeatureError` where there are fewer than two pairs, too few to tell apart."""
        _, video_index, audio_index = np.intersect1d(video.pair, audio.pair, assume_unique=True, return_indices=True)
        if len(video_index) < 2:
            raise _invalid("the training data holds fewer than two pairs")
        return cls(video, audio, video_index.astype(np.int64), audio_index.astype(np.int64))

    def take(self, which: Indices) -> "Pairs":
        """The pairs of these numbers, in this order."""
        return Pairs(self.video, self.audio, self.video_index[which], self.audio_index[which])

    def split(self, held_out: float, rng: np.random.Generator) -> "tuple[Pairs, Pairs]":
        """Two disjoint sets: training pairs, and a random share `held_out` (at least one pair, one stays)."""
        order = rng.permutation(len(self))
        count = min(max(1, round(held_out * len(self))), len(self) - 1)
        return self.take(order[count:]), self.take(order[:count])


def stack(sequences: Sequences, which: Indices, rows: int, rng: np.random.Generator | None = None) -> Codes:
    """uint8 [len(which), rows, D]: `rows` rows of each sequence in their order of time.

    With `rng` a random subset, without it evenly spaced rows. Sequences with fewer rows repeat some.
    """
    picked = np.stack(
        [sequences.offsets[i] + _rows(int(sequences.offsets[i + 1] - sequences.offsets[i]), rows, rng) for i in which]
    )
    return np.asarray(sequences.codes[picked], dtype=np.uint8)


def _rows(available: int, wanted: int, rng: np.random.Generator | None) -> Indices:
    if rng is None:
        return ((np.arange(wanted) + 0.5) * available / wanted).astype(np.int64)
    return np.sort(rng.choice(available, wanted, replace=wanted > available)).astype(np.int64)


def _invalid(detail: str) -> FeatureError:
    return FeatureError(ErrorCode.FEATURES_INVALID, detail)
