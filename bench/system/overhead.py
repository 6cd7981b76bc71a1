"""`python -m bench overhead`: from the upload of a 30 s clip to its ranked list, on the whole warm system.

The library has 1,000 tracks, whose embeddings are made up. Each run sends a clip that nobody has seen and polls for its
ranking fifty times a second. The time that the extractor has the job is taken off; the rest is the system's own, told
by where it goes: until the upload is answered, until the extractor has the job, until the embedding is committed, until
a poll has the ranking.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
from sqlalchemy import select

from bench.report import Table
from bench.settings import BenchSettings
from bench.system.rows import Row, as_table, told
from matcher.db import Database
from matcher.embedding.embedded import Embedded, Owned, WindowRow
from matcher.embedding.repository.embeddings import EmbeddingRepository
from matcher.registry.repository import active_model
from matcher.tables import Embedding, Track
from needledrop.messages import Task
from needledrop_demo import Scene, render_frames, training_pairs
from needledrop_demo.encode import write_video
from needledrop_local.interrupts import interruptible
from needledrop_local.stack import Stack

TRACKS = 1000
SECONDS = 30
POLL_S = 0.02
WITHIN_S = 300.0


def run(settings: BenchSettings) -> tuple[Table, ...]:
    rows = told(_all_runs(settings.bundle, 3 if settings.quick else 10))
    middle = {name: float(np.median([float(str(row[name])) for row in rows])) for name in rows[0] if name != "clip"}
    note = f"Seconds; a clip of {SECONDS} s, a library of {TRACKS} tracks, polled every {POLL_S * 1000:.0f} ms."
    return (as_table("From the upload to the ranked list", [*rows, {"clip": "median", **middle}], note),)


def _all_runs(bundle: Path, runs: int) -> Iterator[Row]:
    with (
        interruptible(),
        tempfile.TemporaryDirectory(prefix="needledrop-bench-") as folder,
        Stack(Path(folder) / "system", port=None, bundle=bundle, env={"NEEDLEDROP_LOG_FORMAT": "json"}) as stack,
        httpx.Client(base_url=stack.url, timeout=60) as client,
    ):
        clips = [_clip(Path(folder) / f"{n}.mp4", scene) for n, scene in enumerate(training_pairs(runs + 1, seed=7))]
        _one(stack, client, clips[0])  # Everything is warm then, and the library empty.
        _fill(stack.environment["NEEDLEDROP_DATABASE_URL"])
        for clip in clips[1:]:
            yield _one(stack, client, clip)


def _clip(path: Path, scene: Scene) -> Path:
    times = [number / 12 for number in range(SECONDS * 12)]
    write_video(path, render_frames(scene, times, (640, 360)), 12, (640, 360), path.stem)
    return path


def _fill(database_url: str) -> None:
    """Tracks with random embeddings of the active model's dimension."""
    database = Database(database_url)
    rng = np.random.default_rng(3)
    ids = [uuid4() for _ in range(TRACKS)]
    with database.begin() as session:
        model = active_model(session)
        assert model is not None
        dim = len(session.scalars(select(Embedding.vector).limit(1)).one())
        for track in ids:
            session.add(Track(id=track, sha256=track.hex * 2, filename="t", media_type="audio/wav", bytes=1))
        session.flush()
        windows = rng.standard_normal((TRACKS, 8, dim)).astype(np.float32)
        owned = [
            Owned(track, None, Embedded([WindowRow(5.0 * at, one) for at, one in enumerate(own)]))
            for track, own in zip(ids, windows, strict=True)
        ]
        EmbeddingRepository(session).replace(model.id, owned)
    database.close()


def _one(stack: Stack, client: httpx.Client, path: Path) -> Row:
    """Seconds; one clip's way."""
    begun = time.time()
    with path.open("rb") as file:
        answer = client.post("/videos", files={"file": (path.name, file, "video/mp4")})
    answer.raise_for_status()
    accepted = time.time()
    clip = answer.json()["id"]
    while True:
        ranking = client.get(f"/match/{clip}")
        ranking.raise_for_status()
        if ranking.status_code == httpx.codes.OK:
            break
        assert time.time() < begun + WITHIN_S, "the clip is not ranked"
        time.sleep(POLL_S)
    ranked = time.time()
    time.sleep(0.5)  # until the logs are written
    extractor = _times(stack.home.logs / "video-extractor.log", accepted - 5)
    worker = _times(stack.home.logs / "matcher-worker.log", accepted - 5)
    taken, extracted, embedded = extractor["received"], extractor["features stored"], worker["job done"]
    return {
        "clip": path.stem,
        "whole": ranked - begun,
        "extraction": extracted - taken,
        "overhead": ranked - begun - (extracted - taken),
        "upload": accepted - begun,
        "to extractor": taken - accepted,
        "embedding": embedded - extracted,
        "to poll": ranked - embedded,
    }


def _times(log: Path, since: float) -> dict[str, float]:
    """When the last record of each kind was written, in seconds since 1970."""
    found: dict[str, float] = {}
    for line in log.read_text().splitlines():
        if not line.startswith("{"):
            continue
        record = json.loads(line)
        at = datetime.fromisoformat(record["timestamp"]).timestamp()
        if at >= since:
            event = str(record["event"])
            received = event.endswith("received")
            if received and Task.JOB not in event:
                continue  # A message that asks for a sign of life.
            found["received" if received else event] = at
    return found
