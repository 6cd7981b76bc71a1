"""Putting a model into use: embedding in the background, the switch, undoing it, calling it off."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import update

from matcher.dispatcher import Dispatcher
from matcher.embedding import reembedding as embedding
from matcher.tables import ModelJob, ModelState
from needledrop.messages import ModelTask
from needledrop_storage.keys import features_key
from tests.integration.activating import active, add_model, do_turns, embed_many, queued_task, reembedding
from tests.integration.conftest import Api


@pytest.fixture(autouse=True)
def _one_batch_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "TURN_S", 0.0)
    monkeypatch.setattr(embedding, "BATCH", 2)


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
    do_turns(api)
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

    turns = do_turns(api, look)
    assert turns == len(seen) >= 3
    assert seen == [("test-model", 5), *[("test-model", 6)] * (turns - 2), (model, 6)]


def test_a_result_that_comes_between_the_last_turn_and_the_switch_is_not_lost(api: Api) -> None:
    api.add_track("a", [[1, 1, 1]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    late: list[str] = []

    class WithALateTrack(embedding.Reembedding):
        def _finish(self, *args: object) -> bool:
            if not late:
                late.append(api.add_track("late", [[2, 2, 2]]))
            return super()._finish(*args)  # type: ignore[arg-type]

    task = queued_task(api)
    assert task
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "TURN_S", 60.0)
        WithALateTrack(api.database, api.store, embed_many, 60).turn(task)
    assert active(api) == model
    assert api.client.get(f"/models/{model}").json()["coverage"] == {"total": 2, "embedded": 2, "stale": 0}


def test_activating_twice_is_activating_once(api: Api) -> None:
    api.add_track("a", [[1, 1, 1]])
    model = add_model(api)
    assert [api.client.post(f"/models/{model}/activate").status_code for _ in range(2)] == [202, 202]
    do_turns(api)
    assert api.client.post(f"/models/{model}/activate").status_code == 200
    assert queued_task(api) is None


def test_of_two_activations_at_once_one_is_refused(api: Api) -> None:
    api.add_track("a", [[1, 1, 1]])
    models = [add_model(api), add_model(api)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda model: api.client.post(f"/models/{model}/activate"), models))
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "activation_in_progress"
    do_turns(api)
    assert active(api) == next(m for m, answer in zip(models, answers, strict=True) if answer.status_code == 202)


def test_a_called_off_activation_leaves_the_old_model_and_what_was_done(api: Api) -> None:
    for number in range(5):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    task = queued_task(api)
    assert task
    reembedding(api).turn(task)
    assert api.client.delete(f"/models/{model}/activation").status_code == 204
    assert api.client.delete(f"/models/{model}/activation").json()["code"] == "not_found"
    reembedding(api).turn(task)
    about = api.client.get(f"/models/{model}").json()
    assert (about["state"], about["coverage"]["embedded"], active(api)) == ("ready", 2, "test-model")


def test_a_turn_whose_worker_died_is_taken_up_by_another(api: Api) -> None:
    for number in range(3):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    task = queued_task(api)
    assert task

    def die() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        reembedding(api).turn(task, alive=die)
    assert queued_task(api) is None
    with api.database.begin() as session:
        session.execute(update(ModelJob).values(lease_until=datetime.now(UTC) - timedelta(seconds=1)))
    assert Dispatcher(api.settings, api.database).run_once()[0] == 1
    reembedding(api).turn(task)
    assert active(api) == "test-model", "a message of the attempt before is ignored"
    do_turns(api)
    assert active(api) == model


def test_a_redelivered_message_of_a_turn_that_runs_is_ignored(api: Api) -> None:
    for number in range(3):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    task = queued_task(api)
    assert task
    again: list[ModelTask] = [task]

    def redeliver() -> None:
        if again:
            reembedding(api).turn(again.pop())

    reembedding(api).turn(task, alive=redeliver)
    do_turns(api)
    assert active(api) == model


def test_lost_features_end_the_activation_with_their_code_and_the_old_model_stays(api: Api) -> None:
    track = api.add_track("a", [[1, 1, 1]])
    job = api.job(track)
    api.store.delete(features_key(job.media_sha256, job.space))
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    do_turns(api)
    about = api.client.get(f"/models/{model}").json()
    assert (about["state"], about["error"]["code"], active(api)) == ("ready", "storage_missing", "test-model")
    api.finish_again(track, np.array([[1, 1, 1]], np.uint8))
    assert api.client.post(f"/models/{model}/activate").status_code == 202
    do_turns(api)
    assert active(api) == model


def test_a_track_deleted_on_the_way_is_no_obstacle(api: Api) -> None:
    tracks = [api.add_track(f"t{number}", [[number, 1, 2]]) for number in range(5)]
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")

    def delete_one() -> None:
        if tracks:
            api.client.delete(f"/audio/{tracks.pop()}")

    do_turns(api, delete_one)
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
    do_turns(api)
    assert api.client.delete(f"/models/{model}").json()["code"] == "model_active"
    assert api.client.delete("/models/test-model").json()["code"] == "model_installed"
    api.client.post("/models/test-model/activate")
    assert api.client.delete(f"/models/{model}").status_code == 204
    assert api.client.get(f"/models/{model}").json()["code"] == "not_found"
    assert list(api.store.keys("models")) == []
