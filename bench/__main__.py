"""`make bench`: time and memory of both extractors on long generated media, as a markdown table.

The media are made here, in a temporary folder: an hour of music as MP3, ten minutes of moving picture as 720p H.264.
Memory is the largest sum of resident memory over the extractor's process and its decoding child, sampled ten times a
second, with each one's own largest. Nothing is compared with a limit: the table is for reading.
"""

import argparse
import platform
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.media import hour_of_music, ten_minutes_of_720p

EVERY_S = 0.1
MIB = 1 << 20


@dataclass(frozen=True)
class Measured:
    """`wall_s` in seconds; memory in bytes."""

    wall_s: float
    total: int
    parts: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("var/models/demo"), help="made by `make demo` or `make up`")
    parser.add_argument("--seconds", type=float, default=None, help="length of both files, instead of 3600 and 600")
    options = parser.parse_args()
    if not (options.bundle / "bundle.json").is_file():
        parser.error(f"{options.bundle} is no bundle; run `make demo` first")
    machine = f"{platform.machine()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB"
    print(f"{machine}, Python {platform.python_version()}\n")
    print("| what | media | wall | × real time | resident, all | by process |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for command, make, seconds in (
            ("audio-extractor", hour_of_music, options.seconds or 3600),
            ("video-extractor", ten_minutes_of_720p, options.seconds or 600),
        ):
            path = make(Path(folder), seconds)
            measured = measure(
                [_beside_python(command), "extract", str(path), "--bundle", str(options.bundle), "--out", folder]
            )
            parts = ", ".join(f"{name} {size / MIB:.0f} MiB" for name, size in sorted(measured.parts.items()))
            media = f"{path.name}, {seconds:.0f} s, {path.stat().st_size / MIB:.0f} MiB"
            times = f"{measured.wall_s:.1f} s | {seconds / measured.wall_s:.1f}"
            print(f"| {command} | {media} | {times} | {measured.total / MIB:.0f} MiB | {parts} |", flush=True)


def measure(command: list[str]) -> Measured:
    """Run a command to its end. `RuntimeError` where it fails."""
    started = time.perf_counter()
    process = psutil.Popen(command, stdout=-3)
    largest = 0
    parts: dict[str, int] = defaultdict(int)
    while process.poll() is None:
        sizes = _resident(process)
        largest = max(largest, sum(sizes.values()))
        for name, size in sizes.items():
            parts[name] = max(parts[name], size)
        time.sleep(EVERY_S)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
    return Measured(time.perf_counter() - started, largest, dict(parts))


def _beside_python(command: str) -> str:
    return str(Path(sys.executable).with_name(command))


def _resident(process: psutil.Popen) -> dict[str, int]:
    sizes: dict[str, int] = defaultdict(int)
    try:
        for member, name in [
            (process, "extractor"),
            *((child, "decoder") for child in process.children(recursive=True)),
        ]:
            sizes[name] += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return dict(sizes)


if __name__ == "__main__":
    main()
