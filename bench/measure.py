"""Wall time and processor time of pieces of work, in turns, so that a busy moment hits all of them."""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from needledrop_worker.memory import MMAP_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD, keep_memory, tune

EVERY_S = 0.1
BY_DEFAULT = {MMAP_MAX: 65536, MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 64 << 20}
"""What glibc comes to by itself, once blocks of tens of megabytes have been freed."""
MIB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """Seconds: on the clock, and of processors, decoders and other children included."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Memory:
    """`wall_s` in seconds; the largest resident bytes, all together and by process."""

    wall_s: float
    total: int
    parts: Mapping[str, int]


def timed(work: Callable[[], object]) -> Cost:
    """One run."""
    cpu, wall = cpu_s(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - wall, cpu_s() - cpu)


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Cost]:
    """The median of each over `rounds` turns, every second turn in the opposite order. Warm up before you call."""
    found: dict[str, list[Cost]] = defaultdict(list)
    for turn in range(rounds):
        for name in list(works) if turn % 2 == 0 else list(reversed(list(works))):
            found[name].append(timed(works[name]))
    return {
        name: Cost(statistics.median(c.wall_s for c in costs), statistics.median(c.cpu_s for c in costs))
        for name, costs in found.items()
    }


def kept(work: Callable[[], object]) -> Callable[[], object]:
    """The work with freed memory kept, as the extractors and trainings do it, and given back to the kernel after it."""

    def with_memory() -> object:
        keep_memory()
        try:
            return work()
        finally:
            tune(BY_DEFAULT)

    return with_memory


def watched(command: list[str]) -> Memory:
    """Run a command to its end. `RuntimeError` where it fails."""
    started = time.perf_counter()
    process = psutil.Popen(command, stdout=-3)
    largest = 0
    parts: dict[str, int] = defaultdict(int)
    while process.poll() is None:
        sizes = resident(process)
        largest = max(largest, sum(sizes.values()))
        for name, size in sizes.items():
            parts[name] = max(parts[name], size)
        time.sleep(EVERY_S)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
    return Memory(time.perf_counter() - started, largest, dict(parts))


def resident(process: psutil.Process) -> dict[str, int]:
    """Bytes of the extractor and of its decoders, what they share counted in each."""
    sizes: dict[str, int] = defaultdict(int)
    try:
        sizes["extractor"] += process.memory_info().rss
        for child in process.children(recursive=True):
            sizes["decoder"] += child.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return dict(sizes)


def cpu_s() -> float:
    """Of this process, its living descendants, and all that any of them has waited for."""
    total = 0.0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
