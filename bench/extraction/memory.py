"""Memory: of both commands on long media, the largest resident sum over extractor and decoder, and over many files."""

import sys
import tempfile
from pathlib import Path

import psutil

from bench import media
from bench.extraction.files import short_media, start_worker
from bench.measure import MIB, resident, watched
from bench.report import Line, Table, save_picture
from bench.settings import BenchSettings

SHORT_S = 2.0


def run(settings: BenchSettings) -> tuple[Table, ...]:
    return _long(settings), _many(settings)


def _long(settings: BenchSettings) -> Table:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        lengths = {"audio-extractor": 3600.0, "video-extractor": 120.0}
        for command, seconds in lengths.items():
            length = seconds / 30 if settings.quick else seconds
            path = (
                media.music(Path(folder), length)
                if command == "audio-extractor"
                else media.picture(Path(folder), length, 720)
            )
            program = str(Path(sys.executable).with_name(command))
            found = watched([program, "extract", str(path), "--bundle", str(settings.bundle), "--out", folder])
            parts = ", ".join(f"{name} {size / MIB:.0f} MiB" for name, size in sorted(found.parts.items()))
            rows.append((command, path.name, length, found.wall_s, length / found.wall_s, found.total / MIB, parts))
    return Table(
        "Memory on long media",
        ("command", "file", "seconds", "wall s", "× real time", "MiB at most", "by process"),
        tuple(rows),
        "Sampled ten times a second; the decoder is the template and its copy, what they share counted in each.",
    )


def _many(settings: BenchSettings) -> Table:
    count = 30 if settings.quick else 500
    tenth = count // 10
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for service, path in short_media(Path(folder), SHORT_S).items():
            sizes = _sizes(service, settings.bundle, path, count)
            rows.append((service, count, sizes[tenth], sizes[-1], sizes[-1] / sizes[tenth]))
            save_picture(
                settings.out / f"memory_{service}.png",
                [Line("worker and decoders", range(1, count + 1), sizes)],
                f"{service} extractor, one worker",
                "files",
                "resident MiB",
            )
    return Table(
        f"Memory over many files of {SHORT_S:.0f} s",
        ("extractor", "files", "MiB after a tenth", "MiB at the end", "growth"),
        tuple(rows),
        "memory_video.png, memory_audio.png",
    )


def _sizes(service: str, bundle: Path, path: Path, count: int) -> list[float]:
    """MiB after each file."""
    process = start_worker(service, bundle, path, psutil.cpu_count() or 1, count)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    worker, sizes = psutil.Process(process.pid), []
    for line in process.stdout:
        if line.strip() == "done":
            sizes.append(sum(resident(worker).values()) / MIB)
    process.wait()
    return sizes
