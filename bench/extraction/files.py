"""Many files: files a minute with one, two and four worker processes, and memory over some hundreds of them."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench import media
from bench.measure import MIB, resident
from bench.report import Line, Table, save_picture
from bench.settings import BenchSettings

WORKER = """
import os, sys
from pathlib import Path
from {service}_extractor.extractor import load
from needledrop.bundle import Bundle
from needledrop.settings import CoreSettings
extractor = load(Bundle.load(Path(sys.argv[1])), CoreSettings(device="cpu", threads=int(sys.argv[2])))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[4])):
    extractor.extract(Path(sys.argv[3]), lambda _: None)
    print("done", flush=True)
"""
SECONDS = 2.0


def run(settings: BenchSettings) -> tuple[Table, ...]:
    cores = psutil.cpu_count() or 1
    files, long = (8, 30) if settings.quick else (48, 500)
    with tempfile.TemporaryDirectory() as name:
        paths = {"video": media.picture(Path(name), SECONDS, 360), "audio": media.music(Path(name), SECONDS)}
        rows = []
        for service, path in paths.items():
            for workers in (1, 2, 4):
                threads = max(1, cores // workers)
                wall = _wall(service, settings.bundle, path, workers, threads, files)
                rows.append((service, workers, threads, 60 * files / wall))
        memory = []
        for service, path in paths.items():
            sizes = _memory(service, settings.bundle, path, long, cores)
            tenth = max(1, long // 10)
            memory.append((service, long, sizes[tenth], sizes[-1], sizes[-1] / sizes[tenth]))
            save_picture(
                settings.out / f"memory_{service}.png",
                [Line("worker and decoders", range(1, long + 1), sizes)],
                f"{service} extractor, one worker",
                "files",
                "resident MiB",
            )
    best = {service: max(row[3] for row in rows if row[0] == service) for service in paths}
    return (
        Table(
            f"Many files of {SECONDS:.0f} s",
            ("extractor", "workers", "threads each", "files/minute", "÷ the best"),
            tuple((*row, row[3] / best[row[0]]) for row in rows),
            f"{files} files, shared out; loading is not counted. {cores} cores.",
        ),
        Table(
            "Memory over many files",
            ("extractor", "files", "MiB after a tenth", "MiB at the end", "growth"),
            tuple(memory),
            "memory_video.png, memory_audio.png",
        ),
    )


def _start(service: str, bundle: Path, path: Path, threads: int, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WORKER.format(service=service), str(bundle), str(threads), str(path), str(count)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "ready":
        if process.poll() is not None:
            raise RuntimeError(f"the {service} worker died with status {process.returncode}")
    return process


def _wall(service: str, bundle: Path, path: Path, workers: int, threads: int, files: int) -> float:
    """Seconds until all workers are done with `files` between them."""
    started = [_start(service, bundle, path, threads, files // workers) for _ in range(workers)]
    begin = time.perf_counter()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        process.communicate()
    return time.perf_counter() - begin


def _memory(service: str, bundle: Path, path: Path, count: int, threads: int) -> list[float]:
    """MiB after each file."""
    process = _start(service, bundle, path, threads, count)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    watched, sizes = psutil.Process(process.pid), []
    for line in process.stdout:
        if line.strip() == "done":
            sizes.append(sum(resident(watched).values()) / MIB)
    process.wait()
    return sizes
