"""`python -m bench activation`: embedding a library with another metric, from its stored features.

The metrics are the shipped one, which also embeds every second, and the reference's two with random weights: their time
does not depend on what they have learned. Reported: tracks a second, and how the time is shared between the towers,
reading features, and all else, which is SQL.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import select, text
from tests.embedded import embedded_servers

from bench.report import Table
from bench.settings import BenchSettings
from bench.system.rows import Row, as_table, told
from matcher.db import Database
from matcher.embedding.embedded import Embedded, Timed
from matcher.embedding.metric_embedder import Metric, MetricEmbedder
from matcher.embedding.reembedding import Reembedding
from matcher.embedding.repository.coverage import Missing
from matcher.jobs.attempt import Attempt, Claim
from matcher.jobs.repository import JobRepository
from matcher.models.activation import activate
from matcher.models.service import register
from matcher.registry.model_jobs import ModelJob
from matcher.tables import Model
from matcher_training.bundles.loading import load_metric
from matcher_training.towers.config import MetricConfig
from matcher_training.towers.embedder import Embedder
from matcher_training.towers.reference import make_reference
from needledrop.features import Modality, matrix_to_bytes
from needledrop.metric import default_metric
from needledrop.metric_kind import MetricKind
from needledrop_local.interrupts import interruptible
from needledrop_storage.store import MediaStore

SECONDS = 120
LEASE_S = 120.0
MATRICES = 1000
"""How many different feature matrices the library's tracks share."""
SPACES = {"audio_space": "audio-b", "video_space": "video-b"}


class TimedEmbedder(MetricEmbedder):
    """The system's own, of one metric, that adds up the seconds it takes."""

    def __init__(self, metric: Embedder, store: MediaStore) -> None:
        super().__init__(Path(), store)
        self.metric = metric
        self.seconds = 0.0

    def many(self, model: Model, modality: Modality, assets: Sequence[Timed]) -> list[Embedded]:
        started = time.perf_counter()
        found = super().many(model, modality, assets)
        self.seconds += time.perf_counter() - started
        return found

    def _load_metric(self, model_id: str, files: tuple[tuple[str, str], ...] | None) -> Metric:
        return self.metric


class TimedReembedding(Reembedding):
    reading_s = 0.0

    def _features(self, assets: Sequence[Missing]) -> list[Timed]:
        started = time.perf_counter()
        found = super()._features(assets)
        self.reading_s += time.perf_counter() - started
        return found


def run(settings: BenchSettings) -> tuple[Table, ...]:
    tracks = 3000 if settings.quick else 100_000
    note = (
        f"Tracks of {SECONDS} s. `towers`, `reading`, `sql`: shares of the time. `rows_per_s`: windows and "
        "seconds that were embedded and written."
    )
    return (as_table("Activating a metric", told(_all_kinds(tracks)), note),)


def _all_kinds(tracks: int) -> Iterator[Row]:
    with (
        interruptible(),
        tempfile.TemporaryDirectory(prefix="needledrop-bench-") as folder,
        embedded_servers(Path(folder)) as servers,
    ):
        store = MediaStore((Path(folder) / "media").as_uri())
        for name, count, metric in (
            ("shipped", tracks // 20, load_metric(default_metric())),
            (MetricKind.VA_METRIC.value, tracks // 20, _random(MetricKind.VA_METRIC)),
            (MetricKind.VA_METRIC2.value, tracks, _random(MetricKind.VA_METRIC2)),
        ):
            database = Database(servers.fresh_database())
            _fill(database, store, count, SECONDS)
            yield {"metric": name, **_activate(database, store, metric, count)}
            database.close()


def _random(kind: MetricKind) -> Embedder:
    config = MetricConfig(window_s=15, window_hop_s=7.5, max_s=60)
    return Embedder(make_reference(kind, 1024, 128), config, 1024, 128)


def _fill(database: Database, store: MediaStore, tracks: int, seconds: int) -> None:
    rng = np.random.default_rng(5)
    for number in range(MATRICES):
        codes = rng.integers(0, 256, (seconds, 128), np.uint8)
        store.put_bytes(f"features/{number}", matrix_to_bytes(codes))
    with database.begin() as session:
        register(session, Model(id="before", kind="x", bundle="bench", untrained_backbones=True, **SPACES))
        after = Model(id="after", name="after", kind="x", bundle="bench", untrained_backbones=True, **SPACES)
        after.files = {}
        session.add(after)
        numbers = {"last": tracks - 1, "matrices": MATRICES, "rows": seconds}
        for statement in (
            "INSERT INTO tracks (id, sha256, filename, media_type, bytes)"
            " SELECT md5(n::text)::uuid, encode(sha256(n::text::bytea), 'hex'), n || '.mp3', 'audio/mpeg', 1"
            " FROM generate_series(0, :last) AS n",
            "INSERT INTO features (media_sha256, space, key, rows, hop_s)"
            " SELECT encode(sha256(n::text::bytea), 'hex'), 'audio-b', 'features/' || (n % :matrices), :rows, 1"
            " FROM generate_series(0, :last) AS n",
        ):
            session.execute(text(statement), {name: numbers[name] for name in numbers if f":{name}" in statement})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _activate(database: Database, store: MediaStore, metric: Embedder, tracks: int) -> Row:
    embedder = TimedEmbedder(metric, store)
    worker = TimedReembedding(database, store, embedder.many)
    assert not activate(database, "after", reextract=False)
    started = time.perf_counter()
    with database.begin() as session:
        job = JobRepository(session).claim(ModelJob.ACTIVATE, 1, "bench", LEASE_S)
        assert job is not None
    with Attempt(database, Claim(job.id, job.attempt, job.kind, "after"), LEASE_S, lambda: None) as attempt:
        worker.run(attempt)
    whole = time.perf_counter() - started
    with database.begin() as session:
        windows = session.scalar(text("SELECT count(*) FROM embeddings WHERE model_id = 'after'"))
        steps = session.scalar(text("SELECT coalesce(sum(rows), 0) FROM sequences WHERE model_id = 'after'"))
        active = session.scalar(select(Model.id).where(Model.active))
    assert active == "after"
    return {
        "tracks": tracks,
        "windows": windows,
        "seconds_embedded": steps,
        "seconds": whole,
        "tracks_per_s": tracks / whole,
        "rows_per_s": (windows + steps) / whole,
        "towers": embedder.seconds / whole,
        "reading": worker.reading_s / whole,
        "sql": 1 - (embedder.seconds + worker.reading_s) / whole,
    }
