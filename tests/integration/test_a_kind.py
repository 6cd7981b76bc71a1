"""A kind of job that nothing but this module knows: it goes the whole way of a job, through every part."""

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import insert, select, text, update
from starlette.testclient import TestClient

from matcher.app import create_app
from matcher.db import Database, Session
from matcher.dispatcher import Dispatcher
from matcher.jobs.attempt import Attempt
from matcher.jobs.kind import ClaimedKind, JobKinds, QueuedKind
from matcher.jobs.results import JobResults
from matcher.jobs.runner import JobRunner
from matcher.kinds import KINDS
from matcher.migrating import upgrade
from matcher.monitoring import readiness
from matcher.operations.backup import back_up
from matcher.operations.restore import restore
from matcher.resources import Resources
from matcher.tables import Job, Track
from needledrop.errors import ErrorCode, MediaError
from needledrop.messages import JobDone, JobFailed, JobMessage, JobProgress, JobRequest, Payload, Stage
from needledrop_storage.store import MediaStore
from needledrop_worker.celery import KEY_PREFIX
from needledrop_worker.job import Advance, run_job
from tests.api import Api
from tests.client import local_client
from tests.embedded import Servers

LETTERS = "count_letters"
RESTING = "resting"
QUEUE = "toy"


def names_of(session: Session, jobs: Sequence[Job]) -> Mapping[UUID, Payload]:
    names = session.execute(select(Job.id, Track.filename).join(Track).where(Job.id.in_([job.id for job in jobs])))
    return {job_id: {"name": name} for job_id, name in names}


def count_letters(payload: Payload, advance: Advance) -> Payload:
    """What the toy's worker does; a name without letters is a file that it can't use."""
    advance(0.5)
    letters = sum(char.isalpha() for char in payload["name"])
    if not letters:
        raise MediaError(ErrorCode.MEDIA_EMPTY, "the name has no letters")
    return {"letters": letters}


def rest(_resources: Resources, attempt: Attempt) -> None:
    attempt.advance(Stage.WORKING, 0.5, {"rested": 1})


TOYS = KINDS.with_kind(
    QueuedKind(name=LETTERS, queue=QUEUE, at_once=2, limit_s=lambda settings: 60, payloads=names_of)
).with_kind(ClaimedKind(name=RESTING, at_once=1, limit_s=lambda settings: 60, run=rest))


@dataclass(frozen=True)
class Toy:
    """The parts of the system, which know of the kinds by being given them."""

    api: Api
    client: TestClient
    broker: redis.Redis
    dispatcher: Dispatcher
    results: JobResults

    def add(self, name: str, kind: str = LETTERS) -> UUID:
        """A track, and a job of the kind on it."""
        track = UUID(self.api.add_track(name))
        with self.api.database.begin() as session:
            return session.execute(insert(Job).values(track_id=track, kind=kind).returning(Job.id)).scalar_one()

    def messages(self) -> list[dict[str, Any]]:
        """Those waiting in the toy's queue, taken out, oldest first."""
        raw = self.broker.lrange(KEY_PREFIX + QUEUE, 0, -1)[::-1]
        self.broker.delete(KEY_PREFIX + QUEUE)
        return [json.loads(base64.b64decode(json.loads(one)["body"]))[0][0] for one in raw]

    def work(self) -> None:
        """Do what waits in the queue as the toy's worker does, and tell the results."""
        for body in self.messages():
            run_job(JobRequest.read(body), count_letters, self.tell, worker="toy-1")

    def tell(self, message: JobMessage) -> None:
        match message:
            case JobProgress():
                self.results.progress(message)
            case JobDone():
                self.results.done(JobDone.read(message.dump()))
            case JobFailed():
                self.results.failed(message)

    def job(self, job_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/jobs/{job_id}").json()
        return found

    def change(self, job_id: UUID, **values: object) -> None:
        with self.api.database.begin() as session:
            session.execute(update(Job).where(Job.id == job_id).values(**values))

    def metric(self, name: str, **labels: str) -> float:
        wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"needledrop_{name}{{{wanted}}}"):
                return float(line.rsplit(" ", 1)[1])
        return 0.0


@pytest.fixture
def toy(api: Api, servers: Servers) -> Iterator[Toy]:
    broker = redis.Redis.from_url(servers.valkey.url)
    broker.flushall()
    with local_client(create_app(api.settings, TOYS)) as client:
        dispatcher = Dispatcher(api.settings, api.database, TOYS)
        yield Toy(api, client, broker, dispatcher, JobResults(api.resources, TOYS))


def test_it_is_published_with_its_payload_done_and_told(toy: Toy) -> None:
    job = toy.add("abc.ogg")
    toy.dispatcher.run_once()
    assert toy.metric("queue_messages", queue=QUEUE) == 1
    assert toy.metric("jobs", kind=LETTERS, state="queued") == 1
    toy.work()
    done = toy.job(job)
    assert (done["kind"], done["state"], done["stage"], done["progress"]) == (LETTERS, "done", "ready", 1.0)
    assert (done["figures"], done["worker"], done["modality"], done["space"]) == ({"letters": 6}, "toy-1", None, None)
    assert done["audio_id"] is not None
    assert toy.metric("jobs", kind=LETTERS, state="done") == 1
    assert LETTERS in {listed["kind"] for listed in toy.client.get("/jobs").json()["items"]}


def test_no_more_of_it_are_published_than_may_run_at_once(toy: Toy) -> None:
    for name in "abc":
        toy.add(f"{name}.ogg")
    toy.dispatcher.run_once()
    first = toy.messages()
    toy.dispatcher.run_once()
    assert (len(first), toy.messages()) == (2, [])
    run_job(JobRequest.read(first[0]), count_letters, toy.tell, worker="toy-1")
    toy.dispatcher.run_once()
    assert len(toy.messages()) == 1


def test_a_claim_renews_its_lease_and_a_silent_one_is_tried_again_until_it_is_dead(toy: Toy) -> None:
    job = toy.add("abc.ogg")
    for attempt in range(1, toy.api.settings.max_attempts + 1):
        toy.change(job, run_after=None)
        toy.dispatcher.run_once()
        [message] = toy.messages()
        assert message["attempt"] == attempt
        toy.tell(JobProgress(job_id=job, attempt=attempt, stage=Stage.WORKING, progress=0.25, worker="toy-1"))
        assert (toy.job(job)["state"], toy.job(job)["progress"]) == ("running", 0.25)
        toy.change(job, lease_until=datetime.now(UTC) - timedelta(seconds=1))
        assert toy.metric("jobs_lease_expired", kind=LETTERS) == 1
        toy.dispatcher.run_once()
    dead = toy.job(job)
    assert (dead["state"], dead["error"]["code"]) == ("dead", "lease_expired")
    assert toy.metric("job_attempts_again", kind=LETTERS, state="dead") == toy.api.settings.max_attempts - 1

    again = toy.client.post(f"/jobs/{job}/retry")
    assert (again.status_code, again.json()["tries"]) == (202, 1)
    toy.dispatcher.run_once()
    toy.work()
    assert toy.job(job)["state"] == "done"
    assert toy.client.post(f"/jobs/{job}/retry").json()["code"] == "job_done"


def test_what_it_cannot_use_ends_as_failed_with_its_code(toy: Toy) -> None:
    job = toy.add("1")
    toy.dispatcher.run_once()
    toy.work()
    failed = toy.job(job)
    assert (failed["state"], failed["error"]) == (
        "failed",
        {"code": "media_empty", "detail": "the name has no letters"},
    )


def test_that_nobody_takes_it_is_told(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    job = toy.add("abc.ogg")
    monkeypatch.setattr(readiness, "STALLED_S", 0.0)
    assert toy.client.get("/readyz").json()["workers"][LETTERS].startswith("nobody took a job")
    toy.tell(JobProgress(job_id=job, attempt=1, stage=Stage.STARTED, worker="toy-1"))
    assert toy.client.get("/readyz").json()["workers"][LETTERS] == "ok"


def test_it_goes_with_its_track_and_leaves_the_tracks_state_alone(toy: Toy) -> None:
    job = toy.add("1")
    track = toy.job(job)["audio_id"]
    toy.dispatcher.run_once()
    toy.work()
    assert toy.client.get(f"/audio/{track}").json()["status"] == "queued", "that of its extraction"
    toy.client.delete(f"/audio/{track}")
    assert toy.client.get(f"/jobs/{job}").status_code == 404


def test_it_is_in_a_backup(toy: Toy, servers: Servers, tmp_path: Path) -> None:
    job = toy.add("abc.ogg")
    toy.dispatcher.run_once()
    toy.work()
    backup = io.BytesIO()
    back_up(toy.api.database, toy.api.store, backup)
    backup.seek(0)
    address = servers.fresh_database()
    settings = toy.api.settings.model_copy(
        update={"database_url": SecretStr(address), "media_url": (tmp_path / "restored").as_uri()}
    )
    upgrade(address)
    database = Database(address)
    restore(settings, database, MediaStore(settings.media_url), backup)
    with database.begin() as session:
        row = session.execute(text("SELECT kind, state, figures FROM jobs WHERE id = :id"), {"id": job}).one()
    database.close()
    assert tuple(row) == (LETTERS, "done", {"letters": 6})


def test_a_claimed_one_runs_in_the_trainer_and_is_told_and_retried_as_the_others(toy: Toy) -> None:
    job = toy.add("abc.ogg", RESTING)
    kind = TOYS[RESTING]
    assert isinstance(kind, ClaimedKind)
    runner = JobRunner(toy.api.resources, TOYS)
    assert toy.dispatcher.run_once()[1] == 1, "the track's extraction, and not this"
    claim = runner.claim(kind)
    assert claim
    assert toy.metric("jobs", kind=RESTING, state="running") == 1
    runner.run(claim)
    done = toy.job(job)
    assert (done["state"], done["progress"], done["figures"]) == ("done", 1.0, {"rested": 1})


def test_a_kind_that_this_version_does_not_know_stays_as_it_is_and_is_told(toy: Toy) -> None:
    job = toy.add("abc.ogg", "of_another_version")
    Dispatcher(toy.api.settings, toy.api.database, JobKinds()).run_once()
    toy.change(job, state="dead", error_code="internal", error_detail="?")
    assert toy.client.post(f"/jobs/{job}/retry").json()["state"] == "queued"
    toy.dispatcher.run_once()
    assert toy.job(job)["state"] == "queued"
