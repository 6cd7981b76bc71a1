"""Models of other feature spaces than those that the library's features are in."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from matcher.embedding import reembedding
from matcher.embedding.repository.extraction_queue import queue_missing
from matcher.models.service import register
from matcher.tables import Job, Model
from needledrop.errors import ErrorCode
from needledrop.messages import JobFailed
from tests.api import MODEL, Api
from tests.integration.activating import active, add_model, do_activation

OTHER = {"audio_space": "audio-other", "video_space": "video-other"}


def open_jobs(api: Api) -> list[Job]:
    with api.database.begin() as session:
        return list(session.scalars(select(Job).where(Job.state == "queued", Job.model_id.is_(None))))


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "WAIT_S", 0.01)


@pytest.fixture
def library(api: Api) -> list[str]:
    return [api.add_clip("clip", [[0, 0, 0]]), api.add_track("a", [[1, 0, 0]]), api.add_track("b", [[2, 0, 0]])]


def install(api: Api, **changes: Any) -> None:
    """Another bundle is installed, its extractors run, and its metric waits in the background."""
    with api.database.begin() as session:
        session.execute(update(Model).values(installed=False))
        session.add(Model(**{**MODEL, "id": "installed", "name": "n", "installed": True, **changes}))


def test_a_model_of_spaces_that_nobody_extracts_is_refused_with_what_is_stale(api: Api, library: list[str]) -> None:
    model = add_model(api, **OTHER)
    for body in (None, {"reextract": True}):
        answer = api.client.post(f"/models/{model}/activate", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "space_mismatch")
        assert {name: answer.json()[name] for name in ("stale", "total", "reextract")} == {
            "stale": 3,
            "total": 3,
            "reextract": False,
        }
    assert (active(api), open_jobs(api)) == ("test-model", [])


def test_features_of_another_space_are_extracted_again_where_that_is_asked_for(api: Api, library: list[str]) -> None:
    install(api, **OTHER)
    model = add_model(api, **OTHER)
    refused = api.client.post(f"/models/{model}/activate").json()
    assert (refused["code"], refused["stale"], refused["total"], refused["reextract"]) == ("space_mismatch", 3, 3, True)
    assert open_jobs(api) == []

    answer = api.client.post(f"/models/{model}/activate", json={"reextract": True})
    assert (answer.status_code, answer.json()["state"]) == (202, "embedding")
    jobs = open_jobs(api)
    assert sorted(job.space for job in jobs) == ["audio-other", "audio-other", "video-other"]
    clip = library[0]
    signs: list[int] = []

    def extract_at_last() -> None:
        signs.append(len(signs))
        if len(signs) == 3:
            assert active(api) == "test-model", "it waits for the extractors"
            assert api.client.get(f"/match/{clip}").json()["model"]["id"] == "test-model"
            for job in jobs:
                api.finish_job(job, np.array([[5, 5, 5]], np.uint8))
            assert api.client.get(f"/match/{clip}").json()["total"] == 2

    do_activation(api, extract_at_last)
    assert len(signs) >= 3
    assert active(api) == model
    assert api.client.get(f"/match/{clip}").json()["model"]["id"] == model


def test_a_file_that_cannot_be_extracted_again_does_not_hold_the_switch(api: Api, library: list[str]) -> None:
    install(api, **OTHER)
    model = add_model(api, **OTHER)
    api.client.post(f"/models/{model}/activate", json={"reextract": True})
    for job in open_jobs(api):
        if job.track_id and str(job.track_id) == library[1]:
            message = JobFailed(job_id=job.id, attempt=1, code=ErrorCode.NO_AUDIO, detail="")
            api.jobs.failed(message)
        else:
            api.finish_job(job, np.array([[5, 5, 5]], np.uint8))
    do_activation(api)
    assert active(api) == model
    assert api.client.get(f"/models/{model}").json()["coverage"] == {"total": 2, "embedded": 2, "stale": 0}


def test_a_bundle_of_other_spaces_takes_over_and_calls_activations_off(api: Api, library: list[str]) -> None:
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    other = Model(**{**MODEL, "id": "other", **OTHER})
    with api.database.begin() as session:
        register(session, other)
        assert queue_missing(session, other) == 3
    assert active(api) == "other"
    assert api.client.get(f"/models/{model}").json()["state"] == "ready"
    assert api.client.post(f"/models/{model}/activate").json()["code"] == "space_mismatch"
