"""What the C library does with memory that is freed, and whom the kernel ends when there is none."""

import ctypes
from collections.abc import Mapping
from pathlib import Path

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""`mallopt`'s options, as glibc's malloc.h numbers them."""

SCORE = Path("/proc/self/oom_score_adj")
MOST = 1000
POOL_PROCESS_SCORE = 500
"""When memory is short, the kernel ends a pool process, whose job is tried again, before its worker, the broker or the
database; a decoder (1000) goes before it."""

KEPT = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1}


def keep_memory() -> bool:
    """Let the process keep what it frees, for the next time; whether the C library is one that can be told (glibc).

    A network's layers take and free the same tens of megabytes over and over. By default each of them goes back to the
    kernel, which clears every page anew: a tenth of a forward's time. The most that is resident stays the same.
    """
    return tune(KEPT)


def tune(options: Mapping[int, int]) -> bool:
    """Set options of `mallopt`; False where one was refused, or where there is no `mallopt`."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in options.items())


def end_before_others(by: int) -> bool:
    """Let the kernel end this process, and those that it starts, before its parent when memory is short.

    `by` thousandths of all memory (or of the control group's limit) are added to what it is taken to use, on top of
    what it began with; 1000 is the most. False where the kernel has no such thing or refuses.
    """
    try:
        SCORE.write_text(str(min(MOST, int(SCORE.read_text()) + by)))
    except (OSError, ValueError):
        return False
    return True
