"""`python -m bench containers`: files a minute with the containers of the video extractor scaled.

Compose's project of the tests, built and started from nothing, and removed at the end. Clips are uploaded at once, and
the time counts from the first upload until the last clip's features are there. Without Docker it says so.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
from tests.e2e.containers import Containers, compose_project, docker_works

from bench import media
from bench.report import Cell, Table
from bench.settings import BenchSettings
from needledrop_client import Client

SECONDS = 2.0
EVERY_S = 0.1
WORKERS = (1, 2, 4)
TITLE = f"Clips of {SECONDS:.0f} s, uploaded to the containers"
COLUMNS = "containers of the extractor", "threads each", "files/minute", "÷ the best"


def run(settings: BenchSettings) -> tuple[Table, ...]:
    if not docker_works():
        return (Table(TITLE, COLUMNS, (), "Not measured: no Docker daemon with Compose v2 and BuildKit here."),)
    cores = psutil.cpu_count() or 1
    files = 8 if settings.quick else 64
    found: list[tuple[int, int, float]] = []
    with tempfile.TemporaryDirectory() as folder, compose_project() as project:
        film = media.picture(Path(folder), SECONDS, 360)
        for workers in WORKERS:
            threads = max(1, cores // workers)
            scaled = replace(project, settings={"NEEDLEDROP_THREADS": str(threads)})
            scaled.compose("up", "--detach", "--wait", "--scale", f"video-extractor={workers}")
            _wall(scaled, film, f"warm {workers}", 2 * workers)
            found.append((workers, threads, 60 * files / _wall(scaled, film, str(workers), files)))
    best = max(rate for *_, rate in found)
    rows: tuple[tuple[Cell, ...], ...] = tuple((*row, row[2] / best) for row in found)
    return (
        Table(
            TITLE,
            COLUMNS,
            rows,
            f"{files} clips of 360p, uploaded one after the other; the whole system runs on the same {cores} cores.",
        ),
    )


def _wall(containers: Containers, film: Path, mark: str, count: int) -> float:
    """Seconds until `count` copies of the film, each a file of its own, are ready."""
    with tempfile.TemporaryDirectory() as folder, Client(containers.url) as client:
        paths = [_copy(film, Path(folder), f"{mark} {number}") for number in range(count)]
        started = time.perf_counter()
        waiting = {client.upload_video(path).id for path in paths}
        while waiting:
            time.sleep(EVERY_S)
            waiting = {clip for clip in waiting if not _is_ready(client, clip)}
        return time.perf_counter() - started


def _copy(film: Path, folder: Path, mark: str) -> Path:
    """The film with a box at its end that players skip, so that its hash is its own."""
    text = mark.encode()
    path = folder / f"{mark}.mp4"
    path.write_bytes(film.read_bytes() + (8 + len(text)).to_bytes(4, "big") + b"free" + text)
    return path


def _is_ready(client: Client, clip: str) -> bool:
    status = client.clip(clip).status
    if status == "failed":
        raise RuntimeError(f"clip {clip} failed")
    return status == "ready"
