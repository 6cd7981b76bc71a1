"""Jobs as rows: publication, leases, attempts, stale and repeated messages."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import redis
from sqlalchemy import update

from matcher.dispatcher import Dispatcher
from matcher.embedding.repository.extraction_queue import queue_missing
from matcher.models.service import register
from matcher.tables import Job, JobState, Model
from needledrop.errors import ErrorCode, FeatureError
from needledrop.messages import JobFailed, JobProgress, JobRepeated, Stage
from needledrop_worker.celery import KEY_PREFIX
from tests.api import MADE_UP_KINDS, MODEL, Api
from tests.embedded import Servers


@pytest.fixture
def broker(servers: Servers) -> redis.Redis:
    client = redis.Redis.from_url(servers.valkey.url)
    client.flushall()
    return client


@pytest.fixture
def dispatcher(api: Api, broker: redis.Redis) -> Dispatcher:
    return Dispatcher(api.settings, api.database, MADE_UP_KINDS)


def published(broker: redis.Redis, queue: str) -> list[dict[str, Any]]:
    """The bodies waiting in a queue, oldest first, read as Celery's message protocol says."""
    bodies = []
    for raw in reversed(broker.lrange(KEY_PREFIX + queue, 0, -1)):
        args, _, _ = json.loads(base64.b64decode(json.loads(raw)["body"]))
        bodies.append(args[0])
    return bodies


def change(api: Api, job: Job, **values: object) -> None:
    with api.database.begin() as session:
        session.execute(update(Job).where(Job.id == job.id).values(**values))


def test_a_new_job_is_published_once_to_its_queue(api: Api, dispatcher: Dispatcher, broker: redis.Redis) -> None:
    track, clip = api.add_track("t"), api.add_clip("c")
    assert dispatcher.run_once() == (0, 2)
    assert dispatcher.run_once() == (0, 0)
    [audio], [video] = published(broker, "audio"), published(broker, "video")
    job = api.job(track)
    assert audio["job_id"] == str(job.id)
    assert (audio["attempt"], audio["kind"]) == (1, "audio")
    assert (audio["payload"]["space"], audio["payload"]["media_sha256"]) == ("audio-space", api.sha256(job))
    assert video["job_id"] == str(api.job(clip).id)


def test_a_job_whose_message_was_lost_is_published_again(api: Api, dispatcher: Dispatcher, broker: redis.Redis) -> None:
    job = api.job(api.add_track("t"))
    dispatcher.run_once()
    broker.delete(KEY_PREFIX + "audio")
    assert dispatcher.run_once() == (0, 0), "too early: the message may be on its way"
    change(api, job, published_at=datetime.now(UTC) - timedelta(seconds=api.settings.republish_s + 1))
    assert dispatcher.run_once() == (0, 1)
    assert len(published(broker, "audio")) == 1


def test_a_broker_that_was_emptied_is_filled_again_at_once(
    api: Api, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    for name in ("t", "u", "v"):
        api.add_track(name)
    dispatcher.run_once()
    broker.flushall()
    assert dispatcher.run_once() == (0, 3)
    assert len(published(broker, "audio")) == 3


def test_a_long_queue_is_not_published_twice(api: Api, dispatcher: Dispatcher) -> None:
    job = api.job(api.add_track("t"))
    dispatcher.run_once()
    change(api, job, published_at=datetime.now(UTC) - timedelta(hours=1))
    assert dispatcher.run_once() == (0, 0)


def test_an_expired_lease_gives_a_new_attempt_and_the_old_one_is_ignored(api: Api, dispatcher: Dispatcher) -> None:
    track = api.add_track("t")
    job = api.job(track)
    api.jobs.progress(JobProgress(job_id=job.id, attempt=1, stage=Stage.STARTED, worker="w"))
    assert dispatcher.run_once()[0] == 0, "the lease is still good"
    change(api, job, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    assert dispatcher.run_once() == (1, 0), "not at once"
    assert (api.job(track).attempt, api.job(track).state) == (2, JobState.QUEUED)
    change(api, job, run_after=datetime.now(UTC))
    assert dispatcher.run_once() == (0, 1)

    api.jobs.progress(JobProgress(job_id=job.id, attempt=1, stage=Stage.EXTRACTING))
    api.jobs.failed(JobFailed(job_id=job.id, attempt=1, code=ErrorCode.NO_AUDIO, detail="late"))
    assert (api.job(track).attempt, api.job(track).state) == (2, JobState.QUEUED)


def test_a_lease_is_not_taken_for_expired_while_answers_wait_unread(
    api: Api, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    job = api.job(api.add_track("t"))
    api.jobs.progress(JobProgress(job_id=job.id, attempt=1, stage=Stage.STARTED))
    change(api, job, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    broker.rpush(KEY_PREFIX + "matcher", b"{}")
    assert dispatcher.run_once()[0] == 0
    broker.delete(KEY_PREFIX + "matcher")
    assert dispatcher.run_once()[0] == 1


def test_a_job_is_given_up_after_its_attempts_with_a_reason(api: Api, dispatcher: Dispatcher) -> None:
    track = api.add_track("t")
    job = api.job(track)
    change(api, job, state="running", tries=3, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    dispatcher.run_once()
    assert api.job(track).state == JobState.DEAD
    assert api.client.get(f"/audio/{track}").json()["error"]["code"] == "lease_expired"


def test_each_try_waits_twice_as_long_as_the_one_before(api: Api) -> None:
    track = api.add_track("t")
    pauses = []
    for attempt in (1, 2):
        job = api.job(track)
        message = JobFailed(job_id=job.id, attempt=attempt, code=ErrorCode.INTERNAL, detail="?", retryable=True)
        api.jobs.failed(message)
        failed = api.job(track)
        assert failed.run_after is not None
        pauses.append((failed.run_after - failed.updated_at).total_seconds())
    assert pauses == [pytest.approx(5, abs=0.5), pytest.approx(10, abs=0.5)]


def test_a_job_given_back_by_a_worker_that_was_stopped_spends_no_try_and_waits_for_nothing(
    api: Api, dispatcher: Dispatcher
) -> None:
    track = api.add_track("t")
    for attempt in range(1, 6):
        job = api.job(track)
        api.jobs.failed(
            JobFailed(job_id=job.id, attempt=attempt, code=ErrorCode.WORKER_STOPPED, detail="stopped", retryable=True)
        )
    assert (api.job(track).state, api.job(track).attempt, api.job(track).tries) == (JobState.QUEUED, 6, 1)
    assert dispatcher.run_once() == (0, 1)


def test_a_message_that_comes_again_leaves_a_living_attempt_alone_and_ends_a_dead_ones_lease_soon(
    api: Api, dispatcher: Dispatcher
) -> None:
    track = api.add_track("t")
    job = api.job(track)
    api.jobs.progress(JobProgress(job_id=job.id, attempt=1, stage=Stage.STARTED))
    full = api.job(track).lease_until
    api.jobs.repeated(JobRepeated(job_id=job.id, attempt=1))
    short = api.job(track).lease_until
    assert full is not None
    assert short is not None
    assert (full - short).total_seconds() == pytest.approx(api.settings.lease_s - 15, abs=2)
    assert api.job(track).attempt == 1
    api.jobs.progress(JobProgress(job_id=job.id, attempt=1, stage=Stage.EXTRACTING))
    renewed = api.job(track).lease_until
    assert renewed is not None
    assert renewed >= full
    api.jobs.repeated(JobRepeated(job_id=job.id, attempt=7))
    assert api.job(track).lease_until == renewed


def test_a_message_that_comes_again_unclaimed_is_another_try(api: Api) -> None:
    track = api.add_track("t")
    for attempt in (1, 2, 3):
        job = api.job(track)
        assert (job.state, job.attempt) == (JobState.QUEUED, attempt)
        api.jobs.repeated(JobRepeated(job_id=job.id, attempt=attempt))
    assert (api.job(track).state, api.job(track).error_code) == (JobState.DEAD, "worker_lost")


def test_a_result_that_came_before_and_cost_a_worker_is_another_try(api: Api) -> None:
    track = api.add_track("t")
    job = api.job(track)
    message = api.finish(api.add_track("u"), np.array([[1]], np.uint8)).model_copy(update={"job_id": job.id})
    change(api, job, state="running", stage="embedding")
    api.jobs.done(message, again=True)
    assert (api.job(track).state, api.job(track).attempt) == (JobState.QUEUED, 2)


def test_jobs_are_listed_by_state_and_a_dead_one_is_tried_again_with_all_its_tries(
    api: Api, dispatcher: Dispatcher
) -> None:
    tracks = [api.add_track(name) for name in "abc"]
    dead = api.job(tracks[1])
    change(api, dead, state="dead", attempt=3, tries=3, error_code="internal", error_detail="a sentence")
    listed = api.client.get("/jobs", params={"state": "dead"}).json()
    assert [(job["id"], job["audio_id"]) for job in listed["items"]] == [(str(dead.id), tracks[1])]
    assert (listed["total"], listed["items"][0]["error"]) == (1, {"code": "internal", "detail": "a sentence"})

    answer = api.client.post(f"/jobs/{dead.id}/retry")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert (answer.json()["attempt"], answer.json()["tries"], answer.json()["error"]) == (4, 1, None)
    again = api.client.post(f"/jobs/{dead.id}/retry").json()
    assert again["attempt"] == 4, "an open job stays as it is"
    assert dispatcher.run_once() == (0, 3)
    assert api.client.get(f"/jobs/{dead.id}").json()["state"] == "queued"


def test_the_list_of_jobs_goes_on_where_the_page_before_ended(api: Api) -> None:
    made = [str(api.job(api.add_track(name)).id) for name in "abcde"]
    seen: list[str] = []
    cursor = None
    while True:
        page = api.client.get("/jobs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_a_job_that_is_done_or_unknown_is_not_tried_again(api: Api) -> None:
    job = api.job(api.add_track("t", [[1]]))
    answer = api.client.post(f"/jobs/{job.id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_done")
    unknown = f"/jobs/{uuid4()}"
    assert [api.client.get(unknown).status_code, api.client.post(f"{unknown}/retry").status_code] == [404, 404]
    assert api.client.get("/jobs", params={"state": "lost"}).json()["code"] == "request_invalid"


def test_a_failure_that_may_pass_is_tried_again_until_the_attempts_are_used_up(api: Api) -> None:
    track = api.add_track("t")
    for attempt in (1, 2, 3):
        job = api.job(track)
        assert (job.attempt, job.state) == (attempt, JobState.QUEUED)
        message = JobFailed(
            job_id=job.id, attempt=attempt, code=ErrorCode.STORAGE_UNAVAILABLE, detail="away", retryable=True
        )
        api.jobs.failed(message)
        api.jobs.failed(message)
    assert (api.job(track).state, api.job(track).error_code) == (JobState.DEAD, "storage_unavailable")


def test_a_result_told_twice_has_one_effect(api: Api) -> None:
    track, clip = api.add_track("t"), api.add_clip("c", [[0, 0]])
    message = api.finish(track, np.array([[3, 4]], np.uint8))
    api.jobs.done(message)
    assert [r["distance"] for r in api.client.get(f"/match/{clip}").json()["results"]] == [5.0]


def test_features_of_another_space_are_refused(api: Api) -> None:
    track = api.add_track("t")
    message = api.finish(api.add_track("u"), np.array([[1]], np.uint8))
    result = {**message.result, "space": "audio-other"}
    foreign = message.model_copy(update={"job_id": api.job(track).id, "result": result})
    with pytest.raises(FeatureError) as caught:
        api.jobs.done(foreign)
    assert caught.value.code is ErrorCode.SPACE_MISMATCH
    assert api.client.get(f"/audio/{track}").json()["status"] == "processing"


def test_a_result_for_a_deleted_track_is_ignored(api: Api) -> None:
    track = api.add_track("t")
    job = api.job(track)
    api.client.delete(f"/audio/{track}")
    api.jobs.progress(JobProgress(job_id=job.id, attempt=1, stage=Stage.STARTED))
    api.jobs.failed(JobFailed(job_id=job.id, attempt=1, code=ErrorCode.NO_AUDIO, detail=""))
    assert api.client.get("/audio").json()["total"] == 0


def test_a_new_model_queues_everything_and_old_answers_are_ignored(api: Api) -> None:
    track, clip = api.add_track("t", [[1, 1]]), api.add_clip("c", [[1, 1]])
    same_spaces = Model(**{**MODEL, "id": "second"})
    with api.database.begin() as session:
        register(session, same_spaces)
        assert queue_missing(session, same_spaces) == 2
    assert (api.job(track).state, api.job(track).attempt) == (JobState.QUEUED, 2)
    assert api.client.get(f"/match/{clip}").status_code == 202
    api.finish(track, np.array([[2, 2]], np.uint8))
    api.finish(clip, np.array([[2, 2]], np.uint8))
    assert api.client.get(f"/match/{clip}").json()["model"]["id"] == "second"

    other_spaces = Model(**{**MODEL, "id": "third", "audio_space": "audio-new", "video_space": "video-new"})
    with api.database.begin() as session:
        register(session, other_spaces)
        assert queue_missing(session, other_spaces) == 2
    assert api.client.get(f"/audio/{track}").json()["status"] == "queued"
