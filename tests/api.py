"""The API over real servers, with the extractors' part played by the tests: messages go straight to the job service."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import SecretStr
from sqlalchemy import select
from starlette.testclient import TestClient

from matcher.db import Database
from matcher.embedding.embedded import Embedded, Timed, WindowRow
from matcher.embedding.extraction_end import ExtractionEnd
from matcher.embedding.reembedding import Reembedding
from matcher.jobs.attempt import Attempt
from matcher.jobs.kind import ClaimedKind, JobKinds, QueuedKind
from matcher.jobs.results import JobResults
from matcher.kinds import KINDS
from matcher.models.service import register
from matcher.registry.model_jobs import ModelJob
from matcher.resources import Resources
from matcher.settings import MatcherSettings
from matcher.tables import Clip, Job, Model, Pair, Track
from needledrop.features import Codes, Modality, matrix_to_bytes
from needledrop.messages import JobDone, MediaInfo
from needledrop_storage.keys import features_key, info_key
from needledrop_storage.store import MediaStore
from tests.client import local_client
from tests.embedded import Servers
from tests.extracting import extract_done

HOP_S = 1.0
LOPSIDED = "lopsided"


@dataclass
class Api:
    """`client` speaks to the API; `finish` answers a job as an extractor and the matcher-worker would."""

    client: TestClient
    settings: MatcherSettings
    database: Database
    store: MediaStore
    jobs: JobResults
    embedded: list[tuple[str, Modality]] = field(default_factory=list)

    def job(self, asset_id: str) -> Job:
        with self.database.begin() as session:
            return session.scalars(select(Job).where((Job.track_id == asset_id) | (Job.clip_id == asset_id))).one()

    def sha256(self, job: Job) -> str:
        """The hash of the file that the job is about."""
        table, asset_id = next(
            (table, found)
            for table, found in ((Track, job.track_id), (Clip, job.clip_id), (Pair, job.pair_id))
            if found
        )
        with self.database.begin() as session:
            return str(session.get_one(table, asset_id).sha256)

    @property
    def resources(self) -> Resources:
        return Resources(self.settings, self.database, self.store)

    def jobs_of_pair(self, pair_id: str) -> dict[Modality, Job]:
        with self.database.begin() as session:
            return {Modality(job.kind): job for job in session.scalars(select(Job).where(Job.pair_id == pair_id))}

    def finish(self, asset_id: str, codes: Codes, info: MediaInfo | None = None) -> JobDone:
        """Store the features and report them done; each row is one window's vector (see `embed`)."""
        return self.finish_job(self.job(asset_id), codes, info)

    def finish_again(self, asset_id: str, codes: Codes) -> None:
        """Put the features of a job that is done back into the media store."""
        job = self.job(asset_id)
        self.store.put_bytes(features_key(self.sha256(job), job.space), matrix_to_bytes(codes))

    def finish_job(self, job: Job, codes: Codes, info: MediaInfo | None = None) -> JobDone:
        key = features_key(self.sha256(job), job.space)
        media = info or MediaInfo(duration_s=float(len(codes)))
        self.store.put_bytes(info_key(key), media.model_dump_json().encode())
        self.store.put_bytes(key, matrix_to_bytes(codes))
        message = extract_done(job.id, job.attempt, job.kind, job.space, key, len(codes), HOP_S, media)
        self.jobs.done(message)
        return message

    def add_track(self, name: str, codes: Sequence[Sequence[int]] | None = None) -> str:
        """Upload a track whose bytes are its name; ready at once where codes are given."""
        answer = self.client.post("/audio", files={"file": (name, name.encode())})
        assert answer.status_code == 202
        track_id = str(answer.json()["id"])
        if codes is not None:
            self.finish(track_id, np.array(codes, np.uint8))
        return track_id

    def add_clip(self, name: str, codes: Sequence[Sequence[int]] | None = None) -> str:
        answer = self.client.post("/videos", files={"file": (name, name.encode())})
        assert answer.status_code == 202
        clip_id = str(answer.json()["id"])
        if codes is not None:
            self.finish(clip_id, np.array(codes, np.uint8))
        return clip_id

    def add_pair(
        self, name: str, video: Sequence[Sequence[int]] | None = None, audio: Sequence[Sequence[int]] | None = None
    ) -> str:
        """Upload a pair whose bytes are its name; ready at once where codes are given."""
        answer = self.client.post("/pairs", files={"file": (name, name.encode())})
        assert answer.status_code == 202
        pair_id = str(answer.json()["id"])
        if video is not None and audio is not None:
            jobs = self.jobs_of_pair(pair_id)
            self.finish_job(jobs[Modality.VIDEO], np.array(video, np.uint8))
            self.finish_job(jobs[Modality.AUDIO], np.array(audio, np.uint8))
        return pair_id


def embed(model: Model, modality: Modality, codes: Codes, hop_s: float) -> Embedded:
    """A metric that is plain to see: the weighted features, a window a row; a clip is its first row."""
    rows = weighted(model.kind, codes[:1] if modality is Modality.VIDEO else codes)
    return Embedded([WindowRow(index * hop_s, row.tolist()) for index, row in enumerate(rows)])


def embed_many(model: Model, modality: Modality, assets: Sequence[Timed]) -> list[Embedded]:
    return [embed(model, modality, codes, hop_s) for codes, hop_s in assets]


def weighted(kind: str, codes: Codes) -> npt.NDArray[np.float64]:
    """The features as the metrics of these tests see them: as they are, or where the kind is LOPSIDED in parts."""
    weights = [3.0, 0.0, 1.0] if kind == LOPSIDED else [1.0, 1.0, 1.0]
    return np.asarray(codes * np.resize(weights, codes.shape[1]), np.float64)


MODEL = {
    "id": "test-model",
    "kind": "va_metric2",
    "bundle": "test",
    "untrained_backbones": True,
    "audio_space": "audio-space",
    "video_space": "video-space",
}


def made_up_kinds() -> JobKinds:
    """The kinds of jobs as they are, but for the metrics: those of these tests."""

    def activate(resources: Resources, attempt: Attempt) -> None:
        Reembedding(resources.database, resources.store, embed_many).run(attempt)

    kinds = KINDS
    for kind in KINDS.values():
        if isinstance(kind, QueuedKind):
            kinds = kinds.with_kind(replace(kind, end=lambda resources: ExtractionEnd(resources, embed)))
        elif isinstance(kind, ClaimedKind) and kind.name == ModelJob.ACTIVATE:
            kinds = kinds.with_kind(replace(kind, run=activate))
    return kinds


MADE_UP_KINDS = made_up_kinds()


@contextmanager
def fresh_api(servers: Servers, folder: Path) -> Iterator[Api]:
    """With a model in use and nothing else; closed at the end."""
    settings = MatcherSettings(
        database_url=SecretStr(servers.fresh_database()),
        redis_url=SecretStr(servers.valkey.url),
        media_url=(folder / "media").as_uri(),
        max_upload_bytes=100_000,
        lease_s=60,
        max_attempts=3,
    )
    database = Database(settings.database_url.get_secret_value())
    with database.begin() as session:
        register(session, Model(**MODEL))
    store = MediaStore(settings.media_url)
    with local_client(settings) as client:
        yield Api(client, settings, database, store, JobResults(Resources(settings, database, store), MADE_UP_KINDS))
    database.close()
