"""Pairs: the sequences of both sides that belong together, and what is known of each pair."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from matcher_training.data.sequences import Indices, Sequences, invalid

Flags = npt.NDArray[np.bool_]
LEAST_GROUPS = 10


@dataclass(frozen=True)
class Labels:
    """Label ids of N pairs, any number for each: those of pair i are ids[offsets[i]:offsets[i + 1]]."""

    ids: Indices
    offsets: Indices

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Indices:
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    @classmethod
    def of(cls, ids: Sequence[Sequence[int]]) -> Self:
        """From a list of ids for each pair."""
        offsets = np.concatenate([[0], np.cumsum([len(pair) for pair in ids])]).astype(np.int64)
        return cls(np.array([label for pair in ids for label in pair], np.int64), offsets)

    def take(self, which: Indices) -> "Labels":
        """The labels of these pairs, in this order."""
        lengths = np.diff(self.offsets)[which]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Labels(self.ids[np.repeat(self.offsets[:-1][which], lengths) + inside], offsets)


@dataclass(frozen=True)
class Pairs:
    """Pair i is video[video_index[i]] with audio[audio_index[i]].

    What the data does not say is None: `music`, bool [N], whether a pair carries a music label; `groups`, int64 [N],
    the shard or file that a pair comes from; `labels`; `ids`, str [N], the pairs' names.
    """

    video: Sequences
    audio: Sequences
    video_index: Indices
    audio_index: Indices
    music: Flags | None = None
    groups: Indices | None = None
    labels: Labels | None = None
    ids: npt.NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.video_index)

    @classmethod
    def join(cls, video: Sequences, audio: Sequences) -> Self:
        """Match by pair number; `FeatureError` where there are fewer than two pairs, too few to tell apart."""
        _, video_index, audio_index = np.intersect1d(video.pair, audio.pair, assume_unique=True, return_indices=True)
        if len(video_index) < 2:
            raise invalid("the training data holds fewer than two pairs")
        return cls(video, audio, video_index.astype(np.int64), audio_index.astype(np.int64))

    def take(self, which: Indices) -> "Pairs":
        """The pairs of these numbers, in this order."""
        return Pairs(
            self.video,
            self.audio,
            self.video_index[which],
            self.audio_index[which],
            music=None if self.music is None else self.music[which],
            groups=None if self.groups is None else self.groups[which],
            labels=None if self.labels is None else self.labels.take(which),
            ids=None if self.ids is None else self.ids[which],
        )

    def subset(self, mask: Flags) -> "Pairs":
        """The pairs where `mask`, bool [N], is true."""
        return self.take(np.flatnonzero(mask))

    def split(self, held_out: float, rng: np.random.Generator) -> "tuple[Pairs, Pairs]":
        """Two disjoint sets: training pairs, and a random share `held_out` (at least one pair, one stays).

        Where the pairs come in ten groups or more, whole groups are held out: what was filmed or cut up together stays
        together, and the share is met as closely as their sizes allow.
        """
        if self.groups is not None and len(np.unique(self.groups)) >= LEAST_GROUPS:
            return self.split_groups(_drawn_groups(self.groups, held_out, rng))
        order = rng.permutation(len(self))
        count = min(max(1, round(held_out * len(self))), len(self) - 1)
        return self.take(order[count:]), self.take(order[:count])

    def split_groups(self, names: Collection[int]) -> "tuple[Pairs, Pairs]":
        """The pairs of all other groups, and those of the groups `names`.

        `FeatureError` where the pairs have no groups, or none has one of these numbers.
        """
        if self.groups is None:
            raise invalid("the data does not say which shard or file its pairs come from")
        unknown = set(names) - set(self.groups.tolist())
        if unknown:
            raise invalid(f"no pair is of group {', '.join(map(str, sorted(unknown)))}")
        chosen = np.isin(self.groups, list(names))
        return self.subset(~chosen), self.subset(chosen)


def _drawn_groups(groups: Indices, held_out: float, rng: np.random.Generator) -> list[int]:
    """Groups in random order until taking one more would lead farther from the share; one at least, one stays."""
    names, sizes = np.unique(groups, return_counts=True)
    order = rng.permutation(len(names))
    reached = np.cumsum(sizes[order])
    count = int(np.argmin(np.abs(reached - held_out * len(groups)))) + 1
    return [int(name) for name in names[order[: min(count, len(names) - 1)]]]
