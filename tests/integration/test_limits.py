"""Requests a second and bytes a day, a key."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from starlette.testclient import TestClient

from matcher.access.caller import Caller
from matcher.access.keys import KeyWish, NewKey, create_key
from matcher.access.rates import RateLimits
from matcher.access.scopes import Scope
from matcher.errors import ApiError
from matcher.tables import KeyUsage
from tests.api import Api
from tests.client import local_client
from tests.embedded import Servers

NOWHERE = "redis://127.0.0.1:1/0"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def key(api: Api) -> NewKey:
    return create_key(api.database, KeyWish("limited", Scope.WRITE, daily_bytes=1000))


@pytest.fixture
def client(api: Api, key: NewKey) -> Iterator[TestClient]:
    with local_client(api.settings, headers={"Authorization": f"Bearer {key.text}"}) as client:
        yield client


def caller(rate: float) -> Caller:
    """Each one with a key of its own."""
    return Caller(uuid4(), "somebody", Scope.READ, rate_per_s=rate)


def used(api: Api, key: NewKey) -> int:
    with api.database.begin() as session:
        return session.scalars(select(KeyUsage.bytes).where(KeyUsage.key_id == key.key.id)).one()


def spends(limits: RateLimits, who: Caller, times: int) -> int:
    """How many of `times` requests in a row are let through."""
    for count in range(times):
        try:
            limits.spend(who)
        except ApiError as error:
            refused = (error.status, error.code, int(error.headers["Retry-After"]) >= 1)
            return count if refused == (429, "rate_limited", True) else -1
    return times


def test_a_burst_ends_and_the_answer_says_when_to_come_back(api: Api) -> None:
    made = create_key(api.database, KeyWish("slow", Scope.READ, rate_per_s=0.3))
    with local_client(api.settings, headers={"Authorization": f"Bearer {made.text}"}) as client:
        answers = [client.get("/audio") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 4


def test_processes_share_a_keys_rate(servers: Servers) -> None:
    who = caller(0.2)
    first, second = RateLimits(servers.valkey.url), RateLimits(servers.valkey.url)
    assert (spends(first, who, 1), spends(second, who, 1), spends(first, who, 1)) == (1, 1, 0)
    assert spends(second, caller(0.2), 1) == 1


def test_without_valkey_the_rate_holds_in_this_process() -> None:
    clock = Clock()
    limits = RateLimits(NOWHERE, clock)
    who = caller(2)
    assert spends(limits, who, 100) == 20
    clock.now += 1.5
    assert spends(limits, who, 100) == 3


def test_nobody_is_limited_where_no_rate_is_set() -> None:
    assert spends(RateLimits(NOWHERE), caller(0), 1000) == 1000


def test_uploads_end_at_the_days_bytes_and_are_refused_before_they_are_read(
    api: Api, client: TestClient, key: NewKey
) -> None:
    assert client.post("/audio", content=b"a" * 600).status_code == 202
    refused = client.post("/audio", content=b"b" * 600)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert 0 < int(refused.headers["retry-after"]) <= 86_401
    assert used(api, key) == 600
    assert client.post("/audio", content=b"c" * 400).status_code == 202
    assert client.get("/audio").json()["total"] == 2


def test_a_body_of_undeclared_length_is_counted_as_it_comes(api: Api, client: TestClient, key: NewKey) -> None:
    assert client.post("/audio", content=iter([b"a" * 300, b"b" * 300])).status_code == 202
    refused = client.post("/audio", content=iter([b"c" * 300, b"d" * 300]))
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert client.get("/audio").json()["total"] == 1


def test_without_valkey_keys_go_on_working(api: Api, key: NewKey) -> None:
    settings = api.settings.model_copy(update={"redis_url": SecretStr(NOWHERE)})
    with local_client(settings, headers={"Authorization": f"Bearer {key.text}"}) as client:
        assert client.get("/audio").status_code == 200


def test_a_request_that_is_no_upload_may_not_be_large(api: Api) -> None:
    answer = api.client.post("/keys", content=b" " * (1 << 20) + b"{}", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    parts = iter([b" " * 600_000, b" " * 600_000])
    answer = api.client.post("/keys", content=parts, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
