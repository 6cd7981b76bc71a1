"""Choices through the REST API."""

from uuid import uuid4

import pytest

from tests.api import Api


def test_a_choice_keeps_the_tracks_rank_and_model_at_that_time(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0]])
    api.add_track("near", [[1, 0]])
    far = api.add_track("far", [[4, 0], [4, 0], [4, 0]])
    answer = api.client.post(f"/match/{clip}/choices", json={"audio_id": far, "start_s": 1.5})
    assert answer.status_code == 201
    choice = answer.json()
    assert {name: choice[name] for name in ("clip_id", "audio_id", "start_s", "model", "rank")} == {
        "clip_id": clip,
        "audio_id": far,
        "start_s": 1.5,
        "model": "test-model",
        "rank": 2,
    }
    assert api.client.get(f"/match/{clip}/choices").json() == {"items": [choice]}


def test_the_same_track_again_replaces_where_it_starts(api: Api) -> None:
    clip, track = api.add_clip("clip", [[0, 0]]), api.add_track("t", [[1, 0], [2, 0], [3, 0]])
    for start in (0.0, 2.0):
        api.client.post(f"/match/{clip}/choices", json={"audio_id": track, "start_s": start})
    assert [choice["start_s"] for choice in api.client.get(f"/match/{clip}/choices").json()["items"]] == [2.0]


def test_the_newest_choice_of_a_clip_comes_first(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0]])
    tracks = [api.add_track(f"t{number}", [[number, 0]]) for number in range(3)]
    for track in tracks:
        api.client.post(f"/match/{clip}/choices", json={"audio_id": track})
    chosen = [choice["audio_id"] for choice in api.client.get(f"/match/{clip}/choices").json()["items"]]
    assert chosen == tracks[::-1]


def test_a_choice_for_a_clip_that_is_not_ranked_yet_has_no_rank(api: Api) -> None:
    clip, track = api.add_clip("clip"), api.add_track("t", [[1, 0]])
    assert api.client.post(f"/match/{clip}/choices", json={"audio_id": track}).json()["rank"] is None


def test_a_choice_goes_with_its_track(api: Api) -> None:
    clip, track = api.add_clip("clip", [[0, 0]]), api.add_track("t", [[1, 0]])
    api.client.post(f"/match/{clip}/choices", json={"audio_id": track})
    assert api.client.delete(f"/audio/{track}").status_code == 204
    assert api.client.get(f"/match/{clip}/choices").json() == {"items": []}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"audio_id": str(uuid4())}, 404, "not_found"),
        ({"start_s": 99.0}, 422, "start_outside"),
        ({"start_s": -1}, 422, "request_invalid"),
        ({"audio_id": "no id"}, 422, "request_invalid"),
        ({"starts": 3}, 422, "request_invalid"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_by_code(
    api: Api, change: dict[str, object], status: int, code: str
) -> None:
    clip, track = api.add_clip("clip", [[0, 0]]), api.add_track("t", [[1, 0]])
    answer = api.client.post(f"/match/{clip}/choices", json={"audio_id": track, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_choices_of_an_unknown_clip_are_not_found(api: Api) -> None:
    assert api.client.get(f"/match/{uuid4()}/choices").json()["code"] == "not_found"
    answer = api.client.post(f"/match/{uuid4()}/choices", json={"audio_id": str(uuid4())})
    assert answer.json()["code"] == "not_found"
