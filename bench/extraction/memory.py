"""Memory of both commands on long media: the largest resident sum over the extractor and its decoder."""

import sys
import tempfile
from pathlib import Path

from bench import media
from bench.measure import MIB, watched
from bench.report import Table
from bench.settings import BenchSettings


def run(settings: BenchSettings) -> tuple[Table, ...]:
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
    return (
        Table(
            "Memory on long media",
            ("command", "file", "seconds", "wall s", "× real time", "MiB at most", "by process"),
            tuple(rows),
            "Sampled ten times a second; the decoder is the template and its copy, what they share counted in each.",
        ),
    )
