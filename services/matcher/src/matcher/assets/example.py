"""One piece of training data: which features belong together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SideKey:
    """Where one side's features lie, and the seconds between their rows."""

    key: str
    hop_s: float


@dataclass(frozen=True)
class Example:
    """A picture with its sound, from `start_s` seconds on; `cut` to the picture's length, or all of it."""

    video: SideKey
    audio: SideKey
    start_s: float = 0.0
    cut: bool = False
