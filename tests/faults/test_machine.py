"""Any order of uploads, deliveries, losses, kills, retries, deletions and switches of model keeps the rows right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import redis
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr
from sqlalchemy import text
from starlette.testclient import TestClient

from matcher.db import Database
from matcher.dispatcher import Dispatcher
from matcher.jobs.results import JobResults
from matcher.jobs.runner import JobRunner
from matcher.models.service import register
from matcher.resources import Resources
from matcher.settings import MatcherSettings
from matcher.tables import Model, ModelState
from needledrop.errors import ErrorCode
from needledrop.features import matrix_to_bytes
from needledrop.messages import JobFailed, JobProgress, JobRepeated, MediaInfo, Stage
from needledrop_storage.keys import features_key
from needledrop_storage.store import MediaStore
from tests.api import LOPSIDED, MADE_UP_KINDS, MODEL
from tests.client import local_client
from tests.embedded import Servers
from tests.extracting import extract_done
from tests.faults.chaos import LONG, SEED, Outcome, sized

MAX_ATTEMPTS = 3
CONTENTS = [b"first", b"second", b"third"]
DELIVERY = "SELECT jobs.id, attempt, sha256, space FROM jobs JOIN tracks ON tracks.id = jobs.track_id"


class World:
    """The services in this process over embedded servers, and what is counted of them."""

    def __init__(self, settings: MatcherSettings, client: TestClient) -> None:
        self.settings = settings
        self.database = Database(self.settings.database_url.get_secret_value())
        self.store = MediaStore(self.settings.media_url)
        resources = Resources(self.settings, self.database, self.store)
        self.jobs = JobResults(resources, MADE_UP_KINDS)
        self.runner = JobRunner(resources, MADE_UP_KINDS)
        self.dispatcher = Dispatcher(self.settings, self.database, MADE_UP_KINDS)
        self.broker = redis.Redis.from_url(self.settings.redis_url.get_secret_value())
        self.client = client
        self.examples = self.uploads = self.faults = 0

    def reset(self) -> None:
        self.examples += 1
        self.broker.flushall()
        self.execute("TRUNCATE tracks, clips, pairs, features, models CASCADE")
        with self.database.begin() as session:
            register(session, Model(**MODEL))
            other = {**MODEL, "id": "other", "name": "other", "kind": LOPSIDED, "state": ModelState.READY}
            session.add(Model(**other, files={"metric.json": "0" * 64}))

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.database.begin() as session:
            return list(session.execute(text(query), values))

    def execute(self, statement: str, **values: Any) -> None:
        with self.database.begin() as session:
            session.execute(text(statement), values)


@contextmanager
def world_of(servers: Servers, folder: Path) -> Iterator[World]:
    settings = MatcherSettings(
        database_url=SecretStr(servers.fresh_database()),
        redis_url=SecretStr(servers.valkey.url),
        media_url=(folder / "media").as_uri(),
        lease_s=60,
        max_attempts=MAX_ATTEMPTS,
    )
    with local_client(settings) as client:
        world = World(settings, client)
        yield world
        world.database.close()


def machine(world: World) -> type[RuleBasedStateMachine]:
    class Jobs(RuleBasedStateMachine):
        """`deliveries` are what a worker was given: a job's row as it was when its message was sent."""

        tracks = Bundle("tracks")
        deliveries = Bundle("deliveries")

        @initialize()
        def begin(self) -> None:
            world.reset()
            self.attempts: dict[str, int] = {}

        @rule(target=tracks, content=st.sampled_from(CONTENTS))
        def submit(self, content: bytes) -> str:
            answer = world.client.post("/audio", content=content)
            assert answer.status_code == 202
            world.uploads += 1
            return str(answer.json()["id"])

        @rule(target=deliveries, again=st.booleans())
        def deliver(self, again: bool) -> Any:
            """The oldest open job's message is read; `again`: also of one that is running."""
            states = ["queued", "running"] if again else ["queued"]
            rows = world.rows(f"{DELIVERY} WHERE state = ANY(:states) ORDER BY jobs.created_at LIMIT 1", states=states)
            return tuple(rows[0]) if rows else multiple()

        @rule(delivery=deliveries)
        def claim(self, delivery: Any) -> None:
            job_id, attempt, *_ = delivery
            world.jobs.progress(JobProgress(job_id=job_id, attempt=attempt, stage=Stage.STARTED, worker="w"))

        @rule(delivery=deliveries, redelivered=st.booleans())
        def finish(self, delivery: Any, redelivered: bool) -> None:
            job_id, attempt, sha256, space = delivery
            key = features_key(sha256, space)
            codes = np.frombuffer(bytes.fromhex(sha256)[:6], np.uint8).reshape(2, 3)
            world.store.put_bytes(key, matrix_to_bytes(codes))
            message = extract_done(job_id, attempt, "audio", space, key, 2, 1.0, MediaInfo(duration_s=2.0))
            world.jobs.done(message, again=redelivered)

        @rule(delivery=consumes(deliveries), code=st.sampled_from([ErrorCode.NO_AUDIO, ErrorCode.INTERNAL]))
        def fail(self, delivery: Any, code: ErrorCode) -> None:
            job_id, attempt, *_ = delivery
            retryable = code is ErrorCode.INTERNAL
            world.jobs.failed(
                JobFailed(job_id=job_id, attempt=attempt, code=code, detail="a sentence", retryable=retryable)
            )
            world.faults += 1

        @rule(delivery=deliveries)
        def come_again(self, delivery: Any) -> None:
            job_id, attempt, *_ = delivery
            world.jobs.repeated(JobRepeated(job_id=job_id, attempt=attempt))
            world.faults += 1

        @rule()
        def kill_workers(self) -> None:
            """Every lease runs out."""
            world.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'")
            world.faults += 1

        @rule()
        def empty_the_broker(self) -> None:
            world.broker.flushall()
            world.faults += 1

        @rule()
        def dispatch(self) -> None:
            """Pauses are over; one round. Jobs whose lease had run out begin another pause in it."""
            world.execute("UPDATE jobs SET run_after = NULL")
            world.dispatcher.run_once()
            unpublished = world.rows(
                f"{DELIVERY} WHERE state = 'queued' AND published_at IS NULL AND run_after IS NULL"
            )
            assert unpublished == []

        @rule(track=tracks)
        def retry(self, track: str) -> None:
            for job_id, state in world.rows("SELECT id, state FROM jobs WHERE track_id = :track", track=track):
                answer = world.client.post(f"/jobs/{job_id}/retry")
                assert answer.status_code == (409 if state == "done" else 202)

        @rule(track=consumes(tracks))
        def delete(self, track: str) -> None:
            assert world.client.delete(f"/audio/{track}").status_code in {204, 404}

        @rule(model=st.sampled_from(["test-model", "other"]))
        def activate(self, model: str) -> None:
            assert world.client.post(f"/models/{model}/activate").status_code in {200, 202, 409}

        @rule()
        def do_what_is_claimed(self) -> None:
            for kind in MADE_UP_KINDS.claimed:
                claim = world.runner.claim(kind)
                if claim:
                    world.runner.run(claim)

        @invariant()
        def every_track_has_one_job(self) -> None:
            wrong = world.rows(
                "SELECT t.id FROM tracks t LEFT JOIN jobs j ON j.track_id = t.id GROUP BY t.id HAVING count(j.id) <> 1"
            )
            assert wrong == []
            assert world.rows("SELECT 1 FROM tracks GROUP BY sha256 HAVING count(*) > 1") == []

        @invariant()
        def a_job_is_done_where_its_track_has_a_place_under_the_active_model_once(self) -> None:
            wrong = world.rows(
                "SELECT j.id, j.state, count(e.id) FROM jobs j"
                " LEFT JOIN embeddings e ON e.track_id = j.track_id"
                "  AND e.model_id = (SELECT id FROM models WHERE active)"
                " WHERE j.track_id IS NOT NULL GROUP BY j.id HAVING (j.state = 'done' AND count(e.id) <> 2)"
            )
            assert wrong == []

        @invariant()
        def what_is_open_can_go_on_and_what_was_given_up_says_why(self) -> None:
            assert world.rows("SELECT id FROM jobs WHERE state = 'running' AND lease_until IS NULL") == []
            assert world.rows("SELECT id FROM jobs WHERE state IN ('failed', 'dead') AND error_code IS NULL") == []
            assert world.rows(f"SELECT id FROM jobs WHERE tries > {MAX_ATTEMPTS}") == []

        @invariant()
        def attempts_only_grow(self) -> None:
            for job_id, attempt in world.rows("SELECT id, attempt FROM jobs"):
                assert attempt >= self.attempts.get(str(job_id), 1)
                self.attempts[str(job_id)] = attempt

        @invariant()
        def features_stand_where_the_rows_say(self) -> None:
            for (key,) in world.rows("SELECT key FROM features"):
                assert world.store.exists(key)

        def teardown(self) -> None:
            """Whatever happened: with workers that work, everything that is open gets done."""
            if not hasattr(self, "attempts"):
                return
            for _ in range(MAX_ATTEMPTS + 1):
                self.kill_workers()
                self.dispatch()
                for delivery in world.rows(f"{DELIVERY} WHERE state = 'queued'"):
                    self.claim(delivery)
                    self.finish(delivery, False)
            assert world.rows(f"{DELIVERY} WHERE state IN ('queued', 'running')") == []
            self.a_job_is_done_where_its_track_has_a_place_under_the_active_model_once()
            super().teardown()

    return Jobs


def test_no_order_of_events_breaks_an_invariant(
    servers: Servers, tmp_path: Path, tell: Callable[[Outcome], None]
) -> None:
    with world_of(servers, tmp_path) as world:
        broken = 1
        try:
            seed(SEED)(run_state_machine_as_test)(
                machine(world),
                settings=hypothesis_settings(
                    max_examples=sized(12, 300),
                    stateful_step_count=sized(30, 60),
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    database=None,
                    phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
                ),
            )
            broken = 0
        finally:
            note = f"{world.examples} runs, {broken} invariants broken"
            tell(Outcome(18, "any order of events", world.uploads, world.faults, broken, broken, note=note))
