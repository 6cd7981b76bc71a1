"""Jobs as rows: publication, leases, attempts, stale and repeated messages."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import redis
from sqlalchemy import update

from matcher.dispatch import Dispatcher
from matcher.jobs.tables import Job, JobState
from matcher.models.repository import queue_missing, register
from matcher.models.tables import Model
from needledrop.celery import KEY_PREFIX
from needledrop.errors import ErrorCode, FeatureError
from needledrop.messages import ExtractFailed, ExtractProgress, Stage
from tests.embedded import Servers
from tests.integration.conftest import MODEL, Api


@pytest.fixture
def broker(servers: Servers) -> redis.Redis:
    client = redis.Redis.from_url(servers.valkey.url)
    client.flushall()
    return client


@pytest.fixture
def dispatcher(api: Api, broker: redis.Redis) -> Dispatcher:
    return Dispatcher(api.settings, api.database)


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
    assert (audio["attempt"], audio["space"], audio["media_sha256"]) == (1, "audio-space", job.media_sha256)
    assert video["job_id"] == str(api.job(clip).id)


def test_a_job_whose_message_was_lost_is_published_again(api: Api, dispatcher: Dispatcher, broker: redis.Redis) -> None:
    job = api.job(api.add_track("t"))
    dispatcher.run_once()
    broker.flushall()
    assert dispatcher.run_once() == (0, 0), "too early: the message may be on its way"
    change(api, job, published_at=datetime.now(UTC) - timedelta(seconds=api.settings.republish_s + 1))
    assert dispatcher.run_once() == (0, 1)
    assert len(published(broker, "audio")) == 1


def test_a_long_queue_is_not_published_twice(api: Api, dispatcher: Dispatcher) -> None:
    job = api.job(api.add_track("t"))
    dispatcher.run_once()
    change(api, job, published_at=datetime.now(UTC) - timedelta(hours=1))
    assert dispatcher.run_once() == (0, 0)


def test_an_expired_lease_gives_a_new_attempt_and_the_old_one_is_ignored(api: Api, dispatcher: Dispatcher) -> None:
    track = api.add_track("t")
    job = api.job(track)
    api.jobs.progress(ExtractProgress(job_id=job.id, attempt=1, stage=Stage.STARTED, worker="w"))
    assert dispatcher.run_once()[0] == 0, "the lease is still good"
    change(api, job, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    assert dispatcher.run_once() == (1, 1)
    assert (api.job(track).attempt, api.job(track).state) == (2, JobState.QUEUED)

    api.jobs.progress(ExtractProgress(job_id=job.id, attempt=1, stage=Stage.EXTRACTING))
    api.jobs.failed(ExtractFailed(job_id=job.id, attempt=1, code=ErrorCode.NO_AUDIO, detail="late"))
    assert (api.job(track).attempt, api.job(track).state) == (2, JobState.QUEUED)


def test_a_lease_is_not_taken_for_expired_while_answers_wait_unread(
    api: Api, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    job = api.job(api.add_track("t"))
    api.jobs.progress(ExtractProgress(job_id=job.id, attempt=1, stage=Stage.STARTED))
    change(api, job, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    broker.rpush(KEY_PREFIX + "matcher", b"{}")
    assert dispatcher.run_once()[0] == 0
    broker.delete(KEY_PREFIX + "matcher")
    assert dispatcher.run_once()[0] == 1


def test_a_job_is_given_up_after_its_attempts_with_a_reason(api: Api, dispatcher: Dispatcher) -> None:
    track = api.add_track("t")
    job = api.job(track)
    change(api, job, state="running", attempt=3, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    dispatcher.run_once()
    assert api.job(track).state == JobState.DEAD
    assert api.client.get(f"/audio/{track}").json()["error"]["code"] == "lease_expired"


def test_a_failure_that_may_pass_is_tried_again_until_the_attempts_are_used_up(api: Api) -> None:
    track = api.add_track("t")
    for attempt in (1, 2, 3):
        job = api.job(track)
        assert (job.attempt, job.state) == (attempt, JobState.QUEUED)
        message = ExtractFailed(
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
    foreign = message.model_copy(update={"job_id": api.job(track).id, "space": "audio-other"})
    with pytest.raises(FeatureError) as caught:
        api.jobs.done(foreign)
    assert caught.value.code is ErrorCode.SPACE_MISMATCH
    assert api.client.get(f"/audio/{track}").json()["status"] == "processing"


def test_a_result_for_a_deleted_track_is_ignored(api: Api) -> None:
    track = api.add_track("t")
    job = api.job(track)
    api.client.delete(f"/audio/{track}")
    api.jobs.progress(ExtractProgress(job_id=job.id, attempt=1, stage=Stage.STARTED))
    api.jobs.failed(ExtractFailed(job_id=job.id, attempt=1, code=ErrorCode.NO_AUDIO, detail=""))
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
