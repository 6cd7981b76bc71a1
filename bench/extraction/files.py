"""Many files: files a minute with one, two and four worker processes, beside what the cores could do."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench import media
from bench.measure import Cost
from bench.report import Table
from bench.settings import BenchSettings

WORKER = """
import sys
from pathlib import Path
from bench.measure import cpu_s
from {service}_extractor.extractor import load
from needledrop.bundle import Bundle
from needledrop_worker.memory import keep_memory
from needledrop.settings import CoreSettings
keep_memory()
extractor = load(Bundle.load(Path(sys.argv[1])), CoreSettings(device="cpu", threads=int(sys.argv[2])))
extractor.extract(Path(sys.argv[3]), lambda _: None)
print("ready", flush=True)
sys.stdin.readline()
before = cpu_s()
for _ in range(int(sys.argv[4])):
    extractor.extract(Path(sys.argv[3]), lambda _: None)
    print("done", flush=True)
print(cpu_s() - before, flush=True)
"""
SECONDS = 10.0


def run(settings: BenchSettings) -> tuple[Table, ...]:
    cores = psutil.cpu_count() or 1
    counts = {"video": 48, "audio": 240}
    with tempfile.TemporaryDirectory() as name:
        rows = []
        for service, path in short_media(Path(name), SECONDS).items():
            files = counts[service] // (6 if settings.quick else 1)
            costs = {}
            for workers in (1, 2, 4):
                threads = max(1, cores // workers)
                costs[workers, threads] = _cost(service, settings.bundle, path, workers, threads, files)
            limit = 60 * files * cores / min(cost.cpu_s for cost in costs.values())
            for ways, cost in costs.items():
                rate = 60 * files / cost.wall_s
                rows.append((service, *ways, rate, cost.cpu_s / files, rate / limit))
    return (
        Table(
            f"Many files of {SECONDS:.0f} s",
            ("extractor", "workers", "threads each", "files/minute", "CPU s a file", "÷ the cores' limit"),
            tuple(rows),
            f"{counts['video']} and {counts['audio']} files (with --quick a sixth), shared out; loading and "
            "each worker's first file are not counted. The limit is what the cores would do if none ever waited, at "
            "the least processor time that a file took in these runs.",
        ),
    )


def short_media(folder: Path, seconds: float) -> dict[str, Path]:
    """A film and a piece of music of that length."""
    return {"video": media.picture(folder, seconds, 360), "audio": media.music(folder, seconds)}


def start_worker(service: str, bundle: Path, path: Path, threads: int, count: int) -> "subprocess.Popen[str]":
    """A loaded and warm extractor in a process of its own; a line to it, and it extracts the file `count` times, a line
    each, and at last says the processor seconds that took."""
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


def _cost(service: str, bundle: Path, path: Path, workers: int, threads: int, files: int) -> Cost:
    """Until all workers are done with `files` between them."""
    started = [start_worker(service, bundle, path, threads, files // workers) for _ in range(workers)]
    begin = time.perf_counter()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    cpu_s = sum(_said_at_last(process) for process in started)
    wall_s = time.perf_counter() - begin
    for process in started:
        process.communicate()
    return Cost(wall_s, cpu_s)


def _said_at_last(process: "subprocess.Popen[str]") -> float:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() != "done":
            return float(line)
    raise RuntimeError("a worker died")
