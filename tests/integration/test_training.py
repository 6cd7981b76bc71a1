"""Training in the service: asked for, done by the trainer, told of, reported, used."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from matcher.dispatcher import Dispatcher
from matcher.tables import Job
from needledrop.errors import ErrorCode, FeatureError, StorageError
from needledrop.metric import MetricCard
from tests.api import MADE_UP_KINDS, Api
from tests.integration.activating import active, do_activation
from tests.integration.training import EPOCHS, MadeUpFit, add_pairs, ask, trainer, training_job


def test_from_pairs_to_a_model_in_use_and_back(api: Api, tmp_path: Path) -> None:
    clip = api.add_clip("clip", [[0, 0, 0]])
    first, second = api.add_track("first", [[2, 0, 0]]), api.add_track("second", [[0, 9, 0]])
    add_pairs(api)
    answer = api.client.post("/models", json={"name": "Mine", "recipe": "needledrop", "seed": 5})
    model = answer.json()["id"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/models/{model}")
    assert (answer.json()["state"], answer.json()["name"], answer.json()["seed"]) == ("training", "Mine", 5)
    assert api.client.get(f"/models/{model}/report").json()["code"] == "no_report"

    trainer(api, MadeUpFit(), tmp_path / "work").work()
    trained = api.client.get(f"/models/{model}").json()
    assert (trained["state"], trained["epoch"], trained["epochs"]) == ("ready", EPOCHS, EPOCHS)
    assert trained["figures"] == {"loss": 1 / 3, "median_rank": None}
    assert trained["summary"] == {"pairs": 10, "loss": None}
    assert [listed["id"] for listed in api.client.get("/models").json()["items"]] == [model, "test-model"]
    assert list((tmp_path / "work").iterdir()) == []

    assert api.client.get(f"/models/{model}/report").json() == {"pairs": 2}
    table = api.client.get(f"/models/{model}/report", headers={"Accept": "text/markdown"})
    assert (table.text, table.headers["content-type"]) == ("| R@1 |\n", "text/markdown; charset=utf-8")
    assert api.client.get(f"/models/{model}/report.md").text == "| R@1 |\n"
    picture = api.client.get(f"/models/{model}/report/recall.png")
    assert (picture.content, picture.headers["content-type"]) == (b"PNG", "image/png")
    assert api.client.get(f"/models/{model}/report/similarity.png").json()["code"] == "no_report"
    assert api.client.get(f"/models/{model}/report/weights.png").json()["code"] == "request_invalid"

    assert api.client.post(f"/models/{model}/activate").status_code == 202
    do_activation(api)
    answer = api.client.get(f"/match/{clip}").json()
    assert answer["model"]["id"] == model
    assert [result["audio"]["id"] for result in answer["results"]] == [second, first]
    assert api.client.post("/models/test-model/activate").status_code == 200
    assert [r["audio"]["id"] for r in api.client.get(f"/match/{clip}").json()["results"]] == [first, second]


def test_the_stored_folder_is_the_metric_that_was_trained(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)
    trainer(api, MadeUpFit(), tmp_path / "work").work()
    copy = tmp_path / "copy"
    copy.mkdir()
    for key in api.store.keys(f"models/{model}"):
        (copy / Path(key).name).write_bytes(api.store.get_bytes(key))
    card = MetricCard.load(copy)
    assert (card.audio.space, card.video.space) == ("audio-space", "video-space")


def test_a_training_gets_both_sides_of_every_pair_as_they_were_extracted(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    api.add_pair("unfinished")
    fit = MadeUpFit()
    ask(api)
    trainer(api, fit, tmp_path).work()
    [work] = fit.works
    assert len(work.pairs) == 10
    for number in range(10):
        np.testing.assert_array_equal(work.pairs.video[number], [[number, 1, 2], [number, 3, 4]])
        np.testing.assert_array_equal(work.pairs.audio[number], [[number, 5, 6]])


def test_a_choice_trains_on_the_track_from_where_it_starts_as_long_as_the_clip(api: Api, tmp_path: Path) -> None:
    track = api.add_track("track", [[row, 0, 0] for row in range(30)])
    for number in range(10):
        clip = api.add_clip(f"clip {number}", [[number, 7, 7]] * 3)
        api.client.post(f"/match/{clip}/choices", json={"audio_id": track, "start_s": number * 2.0})
    fit = MadeUpFit()
    ask(api, use=["choices"])
    trainer(api, fit, tmp_path).work()
    pairs = fit.works[0].pairs
    assert [pairs.audio[number][:, 0].tolist() for number in range(10)] == [[n, n + 1, n + 2] for n in range(0, 20, 2)]
    assert [len(pairs.video[number]) for number in range(10)] == [3] * 10


@pytest.mark.parametrize("use", [["pairs"], ["choices"], ["pairs", "choices"]])
def test_too_few_pairs_are_refused_with_how_many_there_are_and_are_needed(api: Api, use: list[str]) -> None:
    clip, track = api.add_clip("clip", [[0, 0]]), api.add_track("track", [[0, 0]])
    api.client.post(f"/match/{clip}/choices", json={"audio_id": track})
    add_pairs(api, 3)
    answer = api.client.post("/models", json={"use": use})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_few_pairs")
    assert (answer.json()["have"], answer.json()["need"]) == (3 * ("pairs" in use) + ("choices" in use), 10)


@pytest.mark.parametrize("wanted", [{"recipe": "magic"}, {"use": []}, {"seed": -1}, {"name": ""}, {"colour": "red"}])
def test_a_malformed_wish_is_refused(api: Api, wanted: dict[str, object]) -> None:
    assert api.client.post("/models", json=wanted).json()["code"] == "request_invalid"


def test_a_training_whose_trainer_died_is_gone_on_with_by_another(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def die(epoch: int) -> None:
        if epoch == 2:
            raise SystemExit

    dying = trainer(api, MadeUpFit(die), tmp_path)
    first = dying.claim()
    assert first
    with pytest.raises(SystemExit):
        dying.runner.run(first)
    assert api.client.get(f"/models/{model}").json()["state"] == "training"
    end_lease(api)
    assert Dispatcher(api.settings, api.database, MADE_UP_KINDS).run_once()[0] == 1
    fit = MadeUpFit()
    trainer(api, fit, tmp_path).runner.run(first)
    assert fit.began_at == [], "the attempt before does nothing more"
    trainer(api, fit, tmp_path).work()
    assert fit.began_at == [2]
    assert api.client.get(f"/models/{model}").json()["state"] == "ready"


def test_a_training_that_dies_again_and_again_is_given_up(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)
    with api.database.begin() as session:
        late = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(Job).where(Job.model_id == model).values(state="running", tries=3, lease_until=late))
    Dispatcher(api.settings, api.database, MADE_UP_KINDS).run_once()
    failed = api.client.get(f"/models/{model}").json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", "lease_expired")


def test_a_training_that_cannot_be_done_fails_with_its_code(api: Api, tmp_path: Path) -> None:
    def refuse(*_: object) -> MetricCard:
        raise FeatureError(ErrorCode.FEATURES_INVALID, "no two pairs differ")

    add_pairs(api)
    model = ask(api)
    trainer(api, refuse, tmp_path).work()
    failed = api.client.get(f"/models/{model}").json()
    assert (failed["state"], failed["error"]) == (
        "failed",
        {"code": "features_invalid", "detail": "no two pairs differ"},
    )
    assert api.client.delete(f"/models/{model}").status_code == 204


@pytest.mark.parametrize("left", [0, 1])
def test_a_training_whose_pairs_were_deleted_before_it_began_fails_with_its_code(
    api: Api, tmp_path: Path, left: int
) -> None:
    add_pairs(api)
    model = ask(api)
    for pair in api.client.get("/pairs").json()["items"][left:]:
        api.client.delete(f"/pairs/{pair['id']}")
    fit = MadeUpFit()
    trainer(api, fit, tmp_path / "work").work()
    failed = api.client.get(f"/models/{model}").json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", "features_invalid")
    assert fit.works == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("an empty batch"), "internal"),
        (StorageError(ErrorCode.STORAGE_UNAVAILABLE, "the bucket is away"), "storage_unavailable"),
        (MemoryError(), "out_of_memory"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_training_that_breaks_is_gone_on_with_at_once_and_given_up_in_the_end(
    api: Api, tmp_path: Path, error: Exception, code: str
) -> None:
    add_pairs(api)
    model = ask(api)

    def break_off(epoch: int) -> None:
        if epoch >= 2:
            raise error

    fit = MadeUpFit(break_off)
    for attempt in (1, 2):
        assert api.client.get(f"/models/{model}").json()["state"] == "training"
        assert training_job(api, model).attempt == attempt
        with suppress(MemoryError):
            trainer(api, fit, tmp_path / "work", max_attempts=2).work()
    assert fit.began_at == [0, 2], "it goes on where it was"
    failed = api.client.get(f"/models/{model}").json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", code)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_training_that_broke_once_ends_well(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def break_off(_: int) -> None:
        raise RuntimeError("once")

    trainer(api, MadeUpFit(break_off), tmp_path).work()
    trainer(api, MadeUpFit(), tmp_path).work()
    ready = api.client.get(f"/models/{model}").json()
    assert (ready["state"], ready["error"]) == ("ready", None)


def test_an_attempt_that_lost_its_job_leaves_its_checkpoints_to_the_next(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def lose(epoch: int) -> None:
        if epoch == 2:
            end_lease(api)
            Dispatcher(api.settings, api.database, MADE_UP_KINDS).run_once()

    trainer(api, MadeUpFit(lose), tmp_path).work()
    fit = MadeUpFit()
    trainer(api, fit, tmp_path).work()
    assert fit.began_at == [3], "after the epoch at whose progress the first one saw that it had lost"
    assert api.client.get(f"/models/{model}").json()["state"] == "ready"


def test_an_attempt_whose_job_was_given_up_leaves_nothing(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def give_up(epoch: int) -> None:
        if epoch == 2:
            with api.database.begin() as session:
                session.execute(update(Job).where(Job.model_id == model).values(state="dead", lease_until=None))

    trainer(api, MadeUpFit(give_up), tmp_path / "work").work()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_store_that_is_away_is_given_time_to_come_back(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def away(_: int) -> None:
        raise StorageError(ErrorCode.STORAGE_UNAVAILABLE, "the bucket is away")

    for attempt, wait_s in ((1, 120), (2, 240)):
        assert training_job(api, model).attempt == attempt
        trainer(api, MadeUpFit(away), tmp_path, lease_s=120.0).work()
        run_after = training_job(api, model).run_after
        assert run_after is not None
        assert run_after - datetime.now(UTC) == pytest.approx(timedelta(seconds=wait_s), abs=timedelta(seconds=30))


def test_a_training_whose_trainer_is_stopped_spends_no_try_and_goes_on_at_once(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def stop(epoch: int) -> None:
        if epoch == 2:
            raise SystemExit

    stopped = trainer(api, MadeUpFit(stop), tmp_path)
    claim = stopped.claim()
    assert claim
    with pytest.raises(SystemExit):
        stopped.runner.run(claim)
    stopped.runner.give_back(claim)
    given_back = training_job(api, model)
    assert (given_back.state, given_back.tries, given_back.run_after) == ("queued", 1, None)
    fit = MadeUpFit()
    trainer(api, fit, tmp_path).work()
    assert (fit.began_at, api.client.get(f"/models/{model}").json()["state"]) == ([2], "ready")
    stopped.runner.give_back(claim)
    assert api.client.get(f"/models/{model}").json()["state"] == "ready", "what has ended stays so"


def test_a_training_that_failed_is_tried_again_as_a_job(api: Api, tmp_path: Path) -> None:
    def refuse(*_: object) -> MetricCard:
        raise FeatureError(ErrorCode.FEATURES_INVALID, "no two pairs differ")

    add_pairs(api)
    model = ask(api)
    trainer(api, refuse, tmp_path).work()
    [failed] = api.client.get("/jobs", params={"state": "failed"}).json()["items"]
    assert (failed["kind"], failed["model_id"]) == ("train", model)
    again = api.client.post(f"/jobs/{failed['id']}/retry")
    assert (again.status_code, again.json()["state"]) == (202, "queued")
    training = api.client.get(f"/models/{model}").json()
    assert (training["state"], training["error"]) == ("training", None)
    trainer(api, MadeUpFit(), tmp_path).work()
    assert api.client.get(f"/models/{model}").json()["state"] == "ready"


def test_a_training_without_its_database_is_left_to_its_lease(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def lose(_: int) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the database is away"))

    with pytest.raises(OperationalError):
        trainer(api, MadeUpFit(lose), tmp_path).work()
    assert (training_job(api, model).attempt, training_job(api, model).state) == (1, "running")
    assert api.client.get(f"/models/{model}").json()["state"] == "training"


def test_deleting_a_model_ends_its_training_and_leaves_no_file(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)

    def delete(_: int) -> None:
        api.client.delete(f"/models/{model}")

    fit = MadeUpFit(delete)
    trainer(api, fit, tmp_path / "work").work()
    assert api.client.get(f"/models/{model}").json()["code"] == "not_found"
    assert list(api.store.keys("models")) == []
    assert list((tmp_path / "work").iterdir()) == []


def test_a_running_training_keeps_its_lease_however_long_an_epoch_is(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)
    dispatcher = Dispatcher(api.settings, api.database, MADE_UP_KINDS)
    attempts: list[int] = []

    def dawdle(_: int) -> None:
        end_lease(api)
        deadline = time.monotonic() + 20
        while lease_has_run_out(api, model) and time.monotonic() < deadline:
            time.sleep(0.02)
        dispatcher.run_once()
        attempts.append(training_job(api, model).attempt)

    trainer(api, MadeUpFit(dawdle), tmp_path, lease_s=2.0).work()
    assert attempts == [1] * EPOCHS


def end_lease(api: Api) -> None:
    with api.database.begin() as session:
        late = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(Job).where(Job.model_id.is_not(None)).values(lease_until=late))


def lease_has_run_out(api: Api, model: str) -> bool:
    job = training_job(api, model)
    return job.lease_until is None or job.lease_until < datetime.now(UTC)


def test_one_training_runs_at_a_time_the_oldest_first(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    first, second = ask(api), ask(api)
    one, other = (trainer(api, MadeUpFit(), tmp_path / name) for name in "ab")
    claim = one.claim()
    assert claim
    assert claim.subject_id == first
    assert other.claim() is None
    one.runner.run(claim)
    assert other.work().subject_id == second
    assert other.claim() is None


def test_progress_is_told_by_server_sent_events_until_it_is_done(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)
    seen: list[dict[str, object]] = []

    def look(_: int) -> None:
        seen.append(api.client.get(f"/models/{model}").json())

    trainer(api, MadeUpFit(look), tmp_path).work()
    assert [(told["state"], told["epoch"], told["epochs"]) for told in seen] == [("training", n, 3) for n in (1, 2, 3)]
    answer = api.client.get(f"/models/{model}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: done" in answer.text
    told = json.loads(next(line for line in answer.text.splitlines() if line.startswith("data: "))[6:])
    assert (told["state"], told["epoch"], told["figures"]["loss"]) == ("ready", 3, 1 / 3)
    assert active(api) == "test-model"


def test_the_events_of_an_unknown_model_are_not_found(api: Api) -> None:
    assert api.client.get("/models/nobody/events").json()["code"] == "not_found"
