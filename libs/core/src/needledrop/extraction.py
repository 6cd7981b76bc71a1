"""What an extraction is: the protocol that both extractors fulfil."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from needledrop.features import Codes, FeatureSpace
from needledrop.messages import MediaInfo

Progress = Callable[[float | None], None]


@dataclass(frozen=True)
class Extraction:
    """`features`: uint8 [T, D], one row a hop. `info`: what was learned of the file."""

    features: Codes
    info: MediaInfo


class Extractor(Protocol):
    """A loaded model that turns files into features of one space."""

    @property
    def space(self) -> FeatureSpace: ...

    def extract(self, path: Path, progress: Progress) -> Extraction:
        """Features of a whole file. `progress` is called with 0…1 (None: length unknown) at least every few seconds.

        `MediaError` where the file can't be used.
        """
        ...
