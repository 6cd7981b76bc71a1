"""Made-up libraries for the benchmarks of ranking: a database with as many tracks as asked for, and clips to ask with.

The vectors are shaped like a trained metric's. Dimension i is scaled by 1 / √(1 + i/20): a few directions carry most,
as canonical correlations do. Tracks scatter about the centres of genres (one to two hundred tracks), windows scatter
less about their track, and all are of length 1. A clip is a track's direction with as much noise as tells tracks of a
genre apart, so queries lie beside the gallery, not in it, as another modality's do.
"""

import hashlib
import time
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import text

from matcher.db import Database
from matcher.embedding import bulk
from matcher.embedding.embedded import Embedded, Owned, WindowRow
from matcher.embedding.repository.embeddings import EmbeddingRepository
from matcher.models.service import register
from matcher.tables import Clip, Model

DIM = 260
MODEL = "needledrop-bench"
CHUNK = 20_000
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Library:
    """`gallery` float16 [tracks × windows, DIM], a track's windows beside each other; `queries` [clips, DIM]."""

    tracks: int
    windows: int
    gallery: npt.NDArray[np.float16]
    queries: Floats
    clips: list[UUID]
    rows_per_s: float


def fill(database: Database, tracks: int, windows: int, clips: int, seed: int = 1) -> Library:
    """A library in an empty, migrated database. Every tenth track has the tag `tenth`."""
    gallery, queries = vectors(tracks, windows, clips, seed)
    with database.begin() as session:
        register(session, _model())
        session.execute(
            text(
                "INSERT INTO tracks (id, sha256, filename, media_type, bytes, title, duration_s, tags)"
                " SELECT md5('track ' || n)::uuid, encode(sha256(n::text::bytea), 'hex'), n || '.mp3', 'audio/mpeg', 1,"
                " 'Track ' || n, 30 + n % 300, CASE WHEN n % 10 = 0 THEN ARRAY['tenth'] ELSE '{}'::text[] END"
                " FROM generate_series(0, :last) AS n"
            ),
            {"last": tracks - 1},
        )
    started = time.perf_counter()
    for at in range(0, tracks, CHUNK):
        with database.begin() as session:
            part = range(at, min(at + CHUNK, tracks))
            bulk.write_windows(
                session,
                MODEL,
                "track_id",
                np.repeat(np.array([track_id(n).bytes for n in part], "V16"), windows),
                np.tile(np.arange(windows, dtype=np.int32), len(part)),
                np.tile(np.arange(windows) * 10.0, len(part)),
                gallery[at * windows : (at + len(part)) * windows],
            )
    rows_per_s = tracks * windows / (time.perf_counter() - started)
    ids = [UUID(hashlib.md5(f"clip {n}".encode()).hexdigest()) for n in range(clips)]
    with database.begin() as session:
        for clip, query in zip(ids, queries, strict=True):
            session.add(
                Clip(
                    id=clip,
                    sha256=hashlib.sha256(clip.bytes).hexdigest(),
                    filename="c",
                    media_type="video/mp4",
                    bytes=1,
                )
            )
            session.flush()
            EmbeddingRepository(session).replace(MODEL, [Owned(None, clip, Embedded([WindowRow(0.0, query)]))])
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return Library(tracks, windows, gallery, queries, ids, rows_per_s)


def vectors(tracks: int, windows: int, clips: int, seed: int) -> tuple[npt.NDArray[np.float16], Floats]:
    """Gallery float16 [tracks × windows, DIM] and queries float32 [clips, DIM]."""
    rng = np.random.default_rng(seed)
    scale = (1 / np.sqrt(1 + np.arange(DIM) / 20)).astype(np.float32)
    centres = rng.standard_normal((max(10, tracks // 200), DIM), np.float32)
    gallery = np.empty((tracks * windows, DIM), np.float16)
    for at in range(0, tracks, CHUNK):
        count = min(CHUNK, tracks - at)
        base = centres[rng.integers(len(centres), size=count)]
        base = base + 0.8 * rng.standard_normal((count, DIM), np.float32)
        own = np.repeat(base, windows, 0) + 0.4 * rng.standard_normal((count * windows, DIM), np.float32)
        gallery[at * windows : (at + count) * windows] = _unit(own * scale)
    chosen = gallery[rng.integers(len(gallery), size=clips)].astype(np.float32)
    noise = _unit(rng.standard_normal((clips, DIM), np.float32) * scale)
    queries = _unit(chosen + 0.8 * noise).astype(np.float16).astype(np.float32)
    return gallery, queries


def track_id(number: int) -> UUID:
    return UUID(hashlib.md5(f"track {number}".encode()).hexdigest())


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _model() -> Model:
    return Model(
        id=MODEL,
        kind="needledrop",
        bundle="bench",
        untrained_backbones=False,
        audio_space="audio-b",
        video_space="video-b",
    )
