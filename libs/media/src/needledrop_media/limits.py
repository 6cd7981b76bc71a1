"""What a decoder may use."""

import json
from dataclasses import asdict, dataclass
from typing import Self

GIB = 1 << 30
FRAME_GRACE_S = 10


@dataclass(frozen=True)
class Limits:
    """What one decoder may use. The kernel holds it to the first three, the worker to the two times."""

    memory_bytes: int = 4 * GIB
    """Address space. An 8K HEVC film of 8 bits took 0.75 GiB of it with two threads, which it gets."""
    cpu_s: int = 3600
    open_files: int = 32
    wall_s: float = 1800.0
    """Time spent waiting for the child, over the whole file; a slow consumer doesn't use it up."""
    stall_s: float = 120.0
    """Time spent waiting for one piece of data."""
    max_pixels: int = 8192 * 8192
    """Pixels of one frame."""
    max_duration_s: int = 6 * 3600
    """Of what the file says, and of what proves true."""
    max_streams: int = 256
    """Fonts attached to a film count, too."""
    max_frame_rate: int = 1000
    """Frames for each second of film. A recording may have as many as come in `FRAME_GRACE_S` beyond it."""
    max_total_pixels: int = 2_000_000_000_000
    """Of all decoded frames together: an hour of 2160p at 60 frames a second, six of 1080p at 44."""
    max_channels: int = 64
    max_total_samples: int = 40_000_000_000
    """Of all channels together: six hours of eight channels at 192 kHz."""
    threads: int = 8
    """Codec threads at most: frames wait for parts of each other, so two cores are busy with eight. Each holds a frame
    or two, so that large frames get fewer."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))
