"""`python -m bench load`: the whole system under mixed requests for minutes, by Locust, on this machine only.

Editors upload clips and poll for their rankings, page through them, hear ranges of tracks; now and then a track is
added. Reported: requests, failures, p50 and p99 by kind, and the memory of each process over time. It ends itself.
"""

import csv
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from bench.report import Line, Table, save_picture
from bench.settings import BenchSettings
from bench.system.rows import Row, as_table
from needledrop_client import Client
from needledrop_demo import write_clips, write_library
from needledrop_local.interrupts import interruptible
from needledrop_local.stack import Stack

EVERY_S = 2.0
MIB = 1 << 20
USERS = 8
SCRIPT = Path(__file__).with_name("load_users.py")


def run(settings: BenchSettings) -> tuple[Table, ...]:
    minutes = settings.minutes or (1.0 if settings.quick else 10.0)
    with interruptible(), tempfile.TemporaryDirectory(prefix="needledrop-bench-") as folder:
        home = Path(folder)
        tracks, clips = write_library(home / "library"), write_clips(home / "clips")
        with Stack(home / "system", port=None, bundle=settings.bundle) as stack, Client(stack.url) as client:
            for track in [client.upload_audio(track.path) for track in tracks]:
                while client.track(track.id).status not in {"ready", "failed"}:
                    time.sleep(0.2)
            client.match(client.upload_video(clips[0].path).id)
            memory = _run(stack, home, minutes, USERS)
        requests = _figures(home / "locust_stats.csv")
    curves = [Line(name, *zip(*points, strict=True)) for name, points in sorted(memory.items())]
    save_picture(settings.out / "load.png", curves, f"Under load for {minutes:g} minutes", "s", "MiB")
    sizes: list[Row] = [
        {"process": name, "first_mib": points[0][1], "half_mib": points[len(points) // 2][1], "last_mib": points[-1][1]}
        for name, points in sorted(memory.items())
    ]
    return (
        as_table("The API under load", requests, f"{USERS} users for {minutes:g} minutes."),
        as_table("Memory under load", sizes, "Resident, what processes share counted in parts."),
    )


def _run(stack: Stack, home: Path, minutes: float, users: int) -> dict[str, list[tuple[float, float]]]:
    command = [
        sys.executable, "-m", "locust", "-f", str(SCRIPT), "--headless", "--users", str(users), "--spawn-rate", "2",
        "--run-time", f"{round(minutes * 60)}s", "--host", stack.url, "--csv", str(home / "locust"), "--only-summary",
        "--clips", str(home / "clips"),
    ]  # fmt: skip
    memory: dict[str, list[tuple[float, float]]] = defaultdict(list)
    started = time.monotonic()
    process = subprocess.Popen(command)
    try:
        while process.poll() is None:
            for name, pid in stack.pids().items():
                memory[name].append((time.monotonic() - started, _resident(pid) / MIB))
            stack.check()
            time.sleep(EVERY_S)
    finally:
        process.terminate()
        process.wait(30)
    return memory


def _resident(pid: int) -> int:
    """Of the process and those below it; what they share is counted once (PSS where the system tells it)."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += getattr(one.memory_full_info(), "pss", 0) or one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def _figures(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return [
            {
                "kind": f"{row['Type']} {row['Name']}".strip(),
                "requests": int(row["Request Count"]),
                "failures": int(row["Failure Count"]),
                "p50_ms": float(row["50%"]),
                "p99_ms": float(row["99%"]),
            }
            for row in csv.DictReader(file)
        ]
