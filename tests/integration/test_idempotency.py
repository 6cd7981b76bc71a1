"""A request that is sent again with its `Idempotency-Key` is answered again, not done again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from matcher.access.keys import KeyWish, create_key
from matcher.access.scopes import Scope
from matcher.tables import IdempotencyKey, Model
from matcher.uploads.idempotency.keys import IdempotencyRequest
from matcher.uploads.idempotency.repository import IdempotencyRepository
from tests.api import Api
from tests.client import local_client

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


def models(api: Api) -> int:
    with api.database.begin() as session:
        return session.scalar(select(func.count()).select_from(Model)) or 0


def ten_pairs(api: Api) -> None:
    for number in range(10):
        api.add_pair(f"pair {number}", [[number, 0, 0]], [[number, 1, 0]])


@pytest.mark.parametrize("route", ["/audio", "/videos", "/pairs"])
def test_an_upload_again_has_the_same_answer_to_the_letter(api: Api, route: str) -> None:
    first = api.client.post(route, files={"file": ("a.mp3", b"abc")}, data={"title": "T"}, headers=KEY)
    again = api.client.post(route, files={"file": ("a.mp3", b"abc")}, data={"title": "T"}, headers=KEY)
    assert first.status_code == again.status_code == 202
    assert first.headers["content-type"] != again.request.headers["content-type"]
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers.get("retry-after") == first.headers.get("retry-after")


@pytest.mark.parametrize("other", [b"abd", b"ab"])
def test_the_same_key_with_another_file_is_refused_and_adds_nothing(api: Api, other: bytes) -> None:
    api.client.post("/audio?filename=a.mp3", content=b"abc", headers=KEY)
    answer = api.client.post("/audio?filename=a.mp3", content=other, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert api.client.get("/audio").json()["total"] == 1


def test_another_name_for_the_same_bytes_is_another_request(api: Api) -> None:
    api.client.post("/audio?filename=a.mp3", content=b"abc", headers=KEY)
    assert api.client.post("/audio?filename=b.mp3", content=b"abc", headers=KEY).status_code == 422


def test_a_key_is_a_routes_own(api: Api) -> None:
    track = api.client.post("/audio", content=b"abc", headers=KEY).json()
    clip = api.client.post("/videos", content=b"abc", headers=KEY).json()
    assert track["id"] != clip["id"]


def test_a_key_is_each_api_keys_own(api: Api) -> None:
    answers = []
    for name, content in (("first", b"abc"), ("second", b"abcd")):
        made = create_key(api.database, KeyWish(name, Scope.WRITE))
        with local_client(api.settings, headers={"Authorization": f"Bearer {made.text}"}) as client:
            answers.append(client.post("/audio", content=content, headers=KEY))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_a_training_is_asked_for_once(api: Api) -> None:
    ten_pairs(api)
    before = models(api)
    wanted = {"name": "ours", "recipe": "va_metric2", "seed": 0, "use": ["pairs"]}
    first = api.client.post("/models", json=wanted, headers=KEY)
    again = api.client.post("/models", json=wanted, headers=KEY)
    other = api.client.post("/models", json={**wanted, "seed": 1}, headers=KEY)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert first.json()["id"] == again.json()["id"]
    assert first.headers["location"] == again.headers["location"]
    assert models(api) == before + 1


def test_an_error_is_not_kept_so_the_key_may_be_tried_again(api: Api) -> None:
    wanted = {"name": "ours", "recipe": "va_metric2", "seed": 0, "use": ["pairs"]}
    assert api.client.post("/models", json=wanted, headers=KEY).json()["code"] == "too_few_pairs"
    ten_pairs(api)
    assert api.client.post("/models", json=wanted, headers=KEY).status_code == 202


def test_requests_at_once_are_done_once_and_the_rest_are_told_to_wait_or_the_same(api: Api) -> None:
    ten_pairs(api)
    before, together = models(api), Barrier(8)
    wanted = {"name": "ours", "recipe": "va_metric2", "seed": 0, "use": ["pairs"]}

    def ask(_: int) -> tuple[int, str]:
        together.wait(30)
        answer = api.client.post("/models", json=wanted, headers=KEY)
        return answer.status_code, answer.json().get("id") or answer.json()["code"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(8)))
    made = {text for status, text in answers if status == 202}
    assert len(made) == 1
    assert answers - {(202, made.pop())} <= {(409, "idempotency_in_progress")}
    assert models(api) == before + 1
    assert api.client.post("/models", json=wanted, headers=KEY).status_code == 202


def test_a_key_that_is_being_answered_is_in_progress(api: Api) -> None:
    with api.database.begin() as session:
        assert IdempotencyRepository(session).try_lock(
            IdempotencyRequest("", "POST /audio", KEY["Idempotency-Key"].strip('"'))
        )
        answer = api.client.post("/audio", content=b"abc", headers=KEY)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        409,
        "idempotency_in_progress",
        "1",
    )


@pytest.mark.parametrize("key", ["", '""', "x" * 256, 'a"b', '"a'])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    answer = api.client.post("/audio", content=b"abc", headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


def test_keys_are_forgotten_after_their_time(api: Api) -> None:
    first = api.client.post("/audio", content=b"abc", headers=KEY).json()["id"]
    api.client.delete(f"/audio/{first}")
    assert api.client.post("/audio", content=b"abc", headers=KEY).json()["id"] == first
    with api.database.begin() as session:
        repository = IdempotencyRepository(session)
        assert repository.forget_older(3600) == 0
        session.execute(
            update(IdempotencyKey).values(created_at=func.clock_timestamp() - func.make_interval(0, 0, 0, 2))
        )
        assert repository.forget_older(86400) == 1
    assert api.client.post("/audio", content=b"abc", headers=KEY).json()["id"] != first
