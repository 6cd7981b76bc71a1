"""Putting a model into use: embedding in the background, the switch, undoing it, calling it off."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import update

from matcher.dispatcher import Dispatcher
from matcher.embedding import reembedding
from matcher.jobs.attempt import Attempt, Claim
from matcher.jobs.kind import ClaimedKind
from matcher.jobs.runner import JobRunner
from matcher.registry.model_jobs import ModelJob
from matcher.resources import Resources
from matcher.tables import Job, Model, ModelState
from needledrop_storage.keys import features_key
from tests.api import MADE_UP_KINDS, Api, embed_many
from tests.integration.activating import (
    activation_is_queued,
    active,
    add_model,
    claim_activation,
    do_activation,
    runner,
)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 2)


def order(api: Api, clip: str) -> list[str]:
    return [result["audio"]["id"] for result in api.client.get(f"/match/{clip}").json()["results"]]


def test_a_model_is_in_use_once_everything_is_embedded_and_the_one_before_comes_back_at_once(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0, 0]])
    # Weighted 3, 0, 1 the second one is nearer; as it is, the first.
    first, second = api.add_track("first", [[2, 0, 0]]), api.add_track("second", [[0, 9, 0]])
    model = add_model(api)
    answer = api.client.post(f"/models/{model}/activate")
    assert (answer.status_code, answer.json()["state"], answer.json()["active"]) == (202, "embedding", False)
    assert answer.json()["coverage"] == {"total": 3, "embedded": 0, "stale": 0}
    assert (active(api), order(api, clip)) == ("test-model", [first, second])
    do_activation(api)
    assert (active(api), order(api, clip)) == (model, [second, first])
    after = api.client.get(f"/models/{model}").json()
    assert (after["state"], after["active"], after["previous"]) == ("ready", True, "test-model")
    assert after["coverage"] == {"total": 3, "embedded": 3, "stale": 0}

    undone = api.client.post("/models/test-model/activate")
    assert (undone.status_code, undone.json()["active"]) == (200, True)
    assert (active(api), order(api, clip)) == ("test-model", [first, second])
    assert api.client.get(f"/models/{model}").json()["coverage"]["embedded"] == 3, "kept for the next time"


def test_until_the_switch_rankings_and_new_tracks_are_the_old_models(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0, 0]])
    for number in range(5):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    seen: list[tuple[str, int]] = []

    def look() -> None:
        answer = api.client.get(f"/match/{clip}").json()
        seen.append((answer["model"]["id"], answer["total"]))
        if len(seen) == 1:
            api.add_track("late", [[9, 9, 9]])

    do_activation(api, look)
    looks = len(seen)
    look()
    assert looks >= 3
    assert seen == [("test-model", 5), *[("test-model", 6)] * (looks - 1), (model, 6)]


def test_a_result_that_comes_between_the_last_batch_and_the_switch_is_not_lost(api: Api) -> None:
    api.add_track("a", [[1, 1, 1]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    late: list[str] = []

    class WithALateTrack(reembedding.Reembedding):
        def _finish(self, model: Model, attempt: Attempt) -> bool:
            if not late:
                late.append(api.add_track("late", [[2, 2, 2]]))
            return super()._finish(model, attempt)

    def activate(resources: Resources, attempt: Attempt) -> None:
        WithALateTrack(resources.database, resources.store, embed_many).run(attempt)

    claim = claim_activation(api)
    assert claim
    declared = MADE_UP_KINDS[ModelJob.ACTIVATE]
    assert isinstance(declared, ClaimedKind)
    JobRunner(api.resources, MADE_UP_KINDS.with_kind(replace(declared, run=activate))).run(claim)
    assert late
    assert active(api) == model
    assert api.client.get(f"/models/{model}").json()["coverage"] == {"total": 2, "embedded": 2, "stale": 0}


def test_activating_twice_is_activating_once(api: Api) -> None:
    api.add_track("a", [[1, 1, 1]])
    model = add_model(api)
    assert [api.client.post(f"/models/{model}/activate").status_code for _ in range(2)] == [202, 202]
    do_activation(api)
    assert api.client.post(f"/models/{model}/activate").status_code == 200
    assert not activation_is_queued(api)


def test_of_two_activations_at_once_one_is_refused(api: Api) -> None:
    api.add_track("a", [[1, 1, 1]])
    models = [add_model(api), add_model(api)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda model: api.client.post(f"/models/{model}/activate"), models))
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "activation_in_progress"
    do_activation(api)
    assert active(api) == next(m for m, answer in zip(models, answers, strict=True) if answer.status_code == 202)


def test_a_called_off_activation_leaves_the_old_model_and_what_was_done(api: Api) -> None:
    for number in range(5):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    signs: list[int] = []

    def call_off() -> None:
        signs.append(len(signs))
        if len(signs) == 2:
            assert api.client.delete(f"/models/{model}/activation").status_code == 204
            assert api.client.delete(f"/models/{model}/activation").json()["code"] == "not_found"

    do_activation(api, call_off)
    assert signs == [0, 1], "it ends at its next sign of life"
    about = api.client.get(f"/models/{model}").json()
    assert (about["state"], about["coverage"]["embedded"], active(api)) == ("ready", 2, "test-model")


def test_an_activation_whose_worker_died_is_taken_up_by_another(api: Api) -> None:
    for number in range(3):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    claim = claim_activation(api)
    assert claim
    signs: list[int] = []

    def die() -> None:
        signs.append(len(signs))
        if len(signs) == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        runner(api, die).run(claim)
    assert api.client.get(f"/models/{model}").json()["coverage"]["embedded"] == 2
    assert not activation_is_queued(api)
    with api.database.begin() as session:
        session.execute(update(Job).values(lease_until=datetime.now(UTC) - timedelta(seconds=1)))
    assert Dispatcher(api.settings, api.database, MADE_UP_KINDS).run_once()[0] == 1
    runner(api).run(claim)
    assert active(api) == "test-model", "the attempt before does nothing more"
    assert claim_activation(api) is None, "not at once"
    with api.database.begin() as session:
        session.execute(update(Job).values(run_after=None))
    do_activation(api)
    assert active(api) == model


def test_an_activation_that_runs_is_not_begun_by_another(api: Api) -> None:
    for number in range(3):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    others: list[Claim | None] = []
    do_activation(api, lambda: others.append(claim_activation(api)))
    assert set(others) == {None}
    assert active(api) == model


def test_an_activation_that_failed_is_tried_again_as_a_job_unless_another_is_under_way(api: Api) -> None:
    track = api.add_track("a", [[1, 1, 1]])
    job = api.job(track)
    api.store.delete(features_key(api.sha256(job), job.space))
    model, other = add_model(api), add_model(api)
    api.client.post(f"/models/{model}/activate")
    do_activation(api)
    [failed] = api.client.get("/jobs", params={"state": "failed"}).json()["items"]
    assert (failed["kind"], failed["model_id"], failed["audio_id"]) == ("activate", model, None)
    assert (failed["modality"], failed["space"], failed["error"]["code"]) == (None, None, "storage_missing")
    api.finish_again(track, np.array([[1, 1, 1]], np.uint8))

    api.client.post(f"/models/{other}/activate")
    refused = api.client.post(f"/jobs/{failed['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "activation_in_progress")
    api.client.delete(f"/models/{other}/activation")
    again = api.client.post(f"/jobs/{failed['id']}/retry")
    assert (again.status_code, again.json()["state"], again.json()["error"]) == (202, "queued", None)
    do_activation(api)
    assert active(api) == model


def test_lost_features_end_the_activation_with_their_code_and_the_old_model_stays(api: Api) -> None:
    track = api.add_track("a", [[1, 1, 1]])
    job = api.job(track)
    api.store.delete(features_key(api.sha256(job), job.space))
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    do_activation(api)
    about = api.client.get(f"/models/{model}").json()
    assert (about["state"], about["error"]["code"], active(api)) == ("ready", "storage_missing", "test-model")
    api.finish_again(track, np.array([[1, 1, 1]], np.uint8))
    assert api.client.post(f"/models/{model}/activate").status_code == 202
    do_activation(api)
    assert active(api) == model


def test_a_track_deleted_on_the_way_is_no_obstacle(api: Api) -> None:
    tracks = [api.add_track(f"t{number}", [[number, 1, 2]]) for number in range(5)]
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")

    def delete_one() -> None:
        if tracks:
            api.client.delete(f"/audio/{tracks.pop()}")

    do_activation(api, delete_one)
    assert active(api) == model


def test_a_model_that_is_not_trained_cannot_be_put_into_use(api: Api) -> None:
    for state in (ModelState.TRAINING, ModelState.FAILED):
        answer = api.client.post(f"/models/{add_model(api, state=state)}/activate")
        assert (answer.status_code, answer.json()["code"]) == (409, "model_not_ready")


def test_a_metric_of_a_bundle_that_is_gone_cannot_be_put_into_use(api: Api) -> None:
    answer = api.client.post(f"/models/{add_model(api, files=None)}/activate")
    assert (answer.status_code, answer.json()["code"]) == (409, "model_unavailable")


def test_the_model_in_use_cannot_be_deleted_and_another_goes_with_its_embeddings_and_files(api: Api) -> None:
    api.add_track("a", [[1, 1, 1]])
    model = add_model(api)
    api.store.put_bytes(f"models/{model}/metric.json", b"{}")
    api.client.post(f"/models/{model}/activate")
    assert api.client.delete(f"/models/{model}").json()["code"] == "model_active", "it is about to be"
    do_activation(api)
    assert api.client.delete(f"/models/{model}").json()["code"] == "model_active"
    assert api.client.delete("/models/test-model").json()["code"] == "model_installed"
    api.client.post("/models/test-model/activate")
    assert api.client.delete(f"/models/{model}").status_code == 204
    assert api.client.get(f"/models/{model}").json()["code"] == "not_found"
    assert list(api.store.keys("models")) == []
