"""What a training tells of itself after each epoch."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """What an epoch gave; `reciprocal_rank` is the mean over the held-out pairs, 0…1, NaN without any."""

    number: int
    of: int
    loss: float
    reciprocal_rank: float


Report = Callable[[str, Epoch], None]
"""Called after each epoch with the stage's name, for example `teacher 2 of 4`."""


@dataclass(frozen=True)
class FitProgress:
    """One epoch is over: `epoch` of `epochs`, counted over all stages.

    The held-out mean reciprocal rank is 0…1, NaN where nothing is held out.
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    reciprocal_rank: float


class StageCounter:
    """Counts epochs over the stages, each of which begins where the one before it ended."""

    def __init__(self, epochs: int, progress: Callable[[FitProgress], None]) -> None:
        self._epochs = epochs
        self._progress = progress
        self._stage = ""
        self._before = 0
        self._length = 0

    def __call__(self, stage: str, epoch: Epoch) -> None:
        if stage != self._stage:
            self._before += self._length
            self._stage, self._length = stage, epoch.of
        done = min(self._before + epoch.number, self._epochs)
        self._progress(FitProgress(stage, done, self._epochs, epoch.loss, epoch.reciprocal_rank))
