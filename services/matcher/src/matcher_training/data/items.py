"""What every layout is read as: a stream of pairs, one at a time, so that no layout has to fit into memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from matcher_training.data.sequences import Rows
from needledrop.features import Modality


@dataclass(frozen=True)
class Item:
    """One pair. `video` [T, D] and `audio` [T', D'] as stored; `source` says in errors where it stands.

    `music`, `group` and `labels` as in `Pairs`, for this pair; None where the layout does not say.
    """

    id: str
    source: str
    video: Rows
    audio: Rows
    music: bool | None = None
    group: int | None = None
    labels: Sequence[int] | None = None


@dataclass(frozen=True)
class Layout:
    """A data set on disk: its pairs, and what holds for all of them. Reading happens while `items` is consumed.

    `hop_s`: seconds from row to row of each side. `spaces`: ids of the feature spaces, for the sides that name one.
    """

    items: Iterator[Item]
    hop_s: dict[Modality, float] = field(default_factory=lambda: dict.fromkeys(Modality, 1.0))
    spaces: dict[Modality, str] = field(default_factory=dict)
