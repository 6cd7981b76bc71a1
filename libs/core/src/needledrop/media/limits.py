"""What a decoder may use."""

import json
from dataclasses import asdict, dataclass
from typing import Self

GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """What one decoding child may use. The kernel holds the child to the first three, the parent to the two times."""

    memory_bytes: int = 4 * GIB
    """Address space. An 8K HEVC film of 8 bits took 0.75 GiB of it with two threads."""
    cpu_s: int = 3600
    open_files: int = 32
    wall_s: float = 1800.0
    """Time spent waiting for the child, over the whole file; a slow consumer doesn't use it up."""
    stall_s: float = 120.0
    """Time spent waiting for one piece of data."""
    max_pixels: int = 8192 * 8192
    """Pixels of one frame."""
    max_duration_s: int = 6 * 3600
    threads: int = 2
    """Codec threads. Each may hold a frame or two, so memory grows with them."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))
