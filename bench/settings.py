"""What a run of the benchmarks is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BenchSettings:
    """`quick`: short media and few rounds, for a look. `out`: where tables and pictures go. `minutes`: how long the
    API is under load, None as long as is usual."""

    bundle: Path
    out: Path
    quick: bool
    minutes: float | None = None

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 2

    @property
    def clip_s(self) -> float:
        return 20.0 if self.quick else 125.0
