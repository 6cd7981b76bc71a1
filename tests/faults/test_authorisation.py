"""Every route × every scope, no key, a revoked and an expired one; foreign pages; who may call without a key."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.routing import Route as StarletteRoute
from starlette.testclient import TestClient

from matcher.access.keys import KeyWish, create_key, revoke_key
from matcher.access.rules import RuleTable, UndeclaredRouteError
from matcher.access.scopes import Scope
from matcher.tables import ApiKey
from tests.client import LOCAL_URL, local_client
from tests.embedded import Servers
from tests.faults.chaos import Outcome
from tests.faults.running import http, running_api
from tests.site import Route, Site, site_of

PUBLIC = {"GET /healthz", "GET /readyz", "GET /", "GET /web/…"}
ADMIN = {
    *("POST /keys", "GET /keys", "GET /keys/{key_id}", "DELETE /keys/{key_id}"),
    *("POST /models/{model_id}/activate", "DELETE /models/{model_id}/activation", "DELETE /models/{model_id}"),
}
FOR_EVERY_KEY = {"POST /session", "DELETE /session"}
NO_ROUTE = [Route("GET", "/nowhere", "/nowhere"), Route("PATCH", "/about", "/about"), Route("POST", "/", "/")]
REMOTE = ("203.0.113.9", 40000)
REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True)
class Keys:
    read: str
    write: str
    admin: str
    revoked: str
    expired: str


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of(servers, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def keys(site: Site) -> Keys:
    def made(scope: Scope) -> str:
        return create_key(site.database, KeyWish(scope.value, scope)).text

    revoked = create_key(site.database, KeyWish("revoked", Scope.ADMIN))
    revoke_key(site.database, revoked.key.id)
    expired = create_key(site.database, KeyWish("expired", Scope.ADMIN, timedelta(days=1)))
    with site.database.begin() as session:
        past = expired.key.created_at - timedelta(days=1)
        session.execute(update(ApiKey).where(ApiKey.id == expired.key.id).values(expires_at=past))
    return Keys(made(Scope.READ), made(Scope.WRITE), made(Scope.ADMIN), revoked.text, expired.text)


def expected_scope(route: Route) -> str | None:
    """What the house rules say of a route, apart from what the code declares."""
    if str(route) in PUBLIC:
        return None
    if str(route) in ADMIN:
        return "admin"
    if route.method in {"GET", "HEAD", "OPTIONS"} or str(route) in FOR_EVERY_KEY or route in NO_ROUTE:
        return "read"
    return "write"


@pytest.mark.parametrize(
    ("who", "opens"),
    [
        ("nobody", set()),
        ("unknown", set()),
        ("malformed", set()),
        ("revoked", set()),
        ("expired", set()),
        ("read", {"read"}),
        ("write", {"read", "write"}),
        ("admin", {"read", "write", "admin"}),
    ],
)
def test_each_route_opens_to_its_scope_and_to_nobody_else(
    site: Site, keys: Keys, who: str, opens: set[str], tell: Callable[[Outcome], None]
) -> None:
    key = {"nobody": None, "unknown": "nd_" + "x" * 43, "malformed": "nd_' OR 1=1"}.get(who) or getattr(keys, who, None)
    wrong, asked = [], 0
    # From this machine and from afar: with a key it makes no difference, and without one it must not.
    for peer in (("127.0.0.1", 1), REMOTE):
        with local_client(site.app, peer=peer) as client:
            for route in [*site.routes(), *NO_ROUTE]:
                answer = ask(client, route, key)
                asked += 1
                scope = expected_scope(route)
                if (scope is None or scope in opens) == (answer.status_code in REFUSED):
                    wrong.append(f"{who} from {peer[0]}: {route} answers {answer.status_code}")
                if answer.status_code >= HTTPStatus.BAD_REQUEST and "/js/" not in route.path:
                    problem = answer.headers["content-type"] == "application/problem+json"
                    if not problem and route.method != "HEAD" and str(route) != "GET /readyz":
                        wrong.append(f"{route} answers {answer.status_code} as {answer.headers['content-type']}")
    tell(Outcome(15, f"every route as {who}", asked, 0, len(wrong), 0))
    assert wrong == []


def test_a_key_is_refused_by_its_reason(site: Site, keys: Keys) -> None:
    with local_client(site.app, peer=REMOTE) as client:
        missing = client.get("/audio")
        assert (missing.status_code, missing.json()["code"]) == (401, "key_missing")
        assert missing.headers["www-authenticate"] == "Bearer"
        for key in (keys.revoked, keys.expired, "nd_" + "x" * 43):
            assert ask(client, Route("GET", "/audio", "/audio"), key).json()["code"] == "key_invalid"
        assert ask(client, Route("POST", "/audio", "/audio"), keys.read).json()["code"] == "scope_missing"
        assert client.get("/audio", headers={"X-API-Key": keys.read}).status_code == 200


def test_a_route_that_declares_nothing_stops_the_start(site: Site) -> None:
    app = FastAPI(openapi_url=None)
    app.router.routes.append(StarletteRoute("/new", lambda _: None))
    with pytest.raises(UndeclaredRouteError, match="/new"):
        RuleTable(app.routes, {})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": LOCAL_URL},
    ],
)
def test_pages_of_other_sites_get_nothing_even_with_a_key_or_a_cookie(
    site: Site, keys: Keys, headers: dict[str, str], tell: Callable[[Outcome], None]
) -> None:
    wrong = []
    with local_client(site.app) as client:
        assert client.post("/session", headers=bearer(keys.admin)).status_code == 201
        asked = [route for route in [*site.routes(), *NO_ROUTE] if str(route) not in PUBLIC]
        for route in asked:
            for more in ({}, bearer(keys.admin)):
                answer = client.request(route.method, route.path, headers={**headers, **more})
                code = answer.json()["code"] if route.method != "HEAD" else "origin_forbidden"
                if (answer.status_code, code) != (403, "origin_forbidden"):
                    wrong.append(f"{route}: {answer.status_code}")
                if any(name.startswith("access-control-") for name in answer.headers):
                    wrong.append(f"{route}: {answer.headers}")
    tell(Outcome(15, f"a foreign page, {headers}", 2 * len(asked), 0, len(wrong), 0))
    assert wrong == []


@pytest.mark.parametrize(
    "headers", [{"Origin": LOCAL_URL}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
def test_our_own_page_is_no_foreign_one(site: Site, keys: Keys, headers: dict[str, str]) -> None:
    with local_client(site.app, headers=bearer(keys.read)) as client:
        assert client.get("/audio", headers=headers).status_code == 200


def test_the_session_ends_with_its_key_and_at_sign_out(site: Site) -> None:
    made = create_key(site.database, KeyWish("page", Scope.WRITE))
    with ExitStack() as stack:
        first, second = (stack.enter_context(local_client(site.app)) for _ in range(2))
        for client in (first, second):
            answer = client.post("/session", headers=bearer(made.text))
            cookie = answer.headers["set-cookie"].lower()
            assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
            assert "secure" not in cookie
            assert made.text.lower() not in cookie
            assert client.get("/session").json() == {
                "name": "page", "scope": "write", "key_required": True, "signed_in": True,
            }  # fmt: skip
        token = first.cookies["needledrop_session"]
        assert first.delete("/session").status_code == 204
        assert first.get("/audio").json()["code"] == "key_missing"
        assert first.get("/audio", headers={"Cookie": f"needledrop_session={token}"}).status_code == 401
        assert second.get("/audio").status_code == 200
        revoke_key(site.database, made.key.id)
        assert second.get("/audio").json()["code"] == "key_missing"


def test_over_tls_the_cookie_is_for_tls_alone(site: Site, keys: Keys) -> None:
    with local_client(site.app) as client:
        headers = {"Host": "music.example", "Origin": "https://music.example", **bearer(keys.read)}
        assert "secure" in client.post("/session", headers=headers).headers["set-cookie"].lower()


def test_nothing_of_a_key_is_kept_but_its_hash_and_its_beginning(site: Site, servers: Servers) -> None:
    made = create_key(site.database, KeyWish("secret", Scope.READ))
    with local_client(site.app, headers=bearer(made.text)) as client:
        assert client.get("/audio").status_code == 200
    with site.database.begin() as session:
        row = session.get(ApiKey, made.key.id)
        assert row is not None
        stored = repr({column.name: getattr(row, column.name) for column in ApiKey.__table__.columns})
    assert made.text not in stored
    assert made.text[len(row.prefix) :] not in stored
    assert row.last_used_at is not None


@pytest.fixture
def keyless(servers: Servers, tmp_path: Path) -> Iterator[Site]:
    with site_of(servers, tmp_path, allowed_hosts=("studio.local",)) as site:
        yield site


@pytest.mark.parametrize(
    ("peer", "headers", "code"),
    [
        ("127.0.0.1", {}, None),
        ("127.8.9.10", {}, None),
        ("::1", {}, None),
        ("::ffff:127.0.0.1", {}, None),
        ("127.0.0.1", {"Host": "localhost:8000"}, None),
        ("127.0.0.1", {"Host": "[::1]:8000"}, None),
        ("127.0.0.1", {"Host": "studio.local"}, None),
        ("203.0.113.9", {}, "local_only"),
        ("203.0.113.9", {"X-Forwarded-For": "127.0.0.1"}, "local_only"),
        ("172.17.0.1", {}, "local_only"),
        ("::ffff:203.0.113.9", {}, "local_only"),
        ("localhost.evil.example", {}, "local_only"),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, "local_only"),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, "local_only"),
        ("127.0.0.1", {"Host": "evil.example"}, "host_forbidden"),
        ("127.0.0.1", {"Host": "127.0.0.1.evil.example:8000"}, "host_forbidden"),
        ("127.0.0.1", {"Host": "["}, "host_forbidden"),
    ],
)
def test_before_there_is_a_key_only_this_machine_may_call(
    keyless: Site, peer: str, headers: dict[str, str], code: str | None
) -> None:
    with local_client(keyless.app, peer=(peer, 4000), headers=headers) as client:
        answer = client.get("/audio")
        assert (answer.status_code, answer.json().get("code")) == ((403, code) if code else (200, None))
        assert client.get("/healthz").status_code == 200


def test_a_revoked_last_key_does_not_open_the_system_again(keyless: Site) -> None:
    with local_client(keyless.app) as client:
        made = client.post("/keys", json={"name": "only", "scope": "admin"}).json()
        assert client.get("/audio").json()["code"] == "key_missing"
        client.headers.update(bearer(made["key"]))
        assert client.delete(f"/keys/{made['id']}").status_code == 204
        assert client.get("/audio").json()["code"] == "key_invalid"
        del client.headers["authorization"]
        assert client.get("/audio").json()["code"] == "key_missing"


def ask(client: TestClient, route: Route, key: str | None) -> httpx.Response:
    headers = bearer(key) if key else {}
    answer: httpx.Response = client.request(route.method, route.path, headers=headers, follow_redirects=False)
    return answer


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("trusted", "believed"), [("127.0.0.1", True), ("192.0.2.1", False)])
def test_a_proxys_words_are_believed_where_it_is_trusted_and_open_nothing(
    servers: Servers, home: Path, trusted: str, believed: bool
) -> None:
    folder = home / f"behind {trusted}"
    folder.mkdir()
    with running_api(servers, folder, trusted_proxies=trusted) as api:
        for address in ("127.0.0.1", "203.0.113.9"):
            forwarded = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
            refused = http.get(f"{api.url}/audio", headers=forwarded)
            assert (refused.status_code, refused.json()["code"]) == (403, "local_only")
        key = create_key(api.database, KeyWish("behind a proxy", Scope.READ)).text
        answer = http.post(f"{api.url}/session", headers={**forwarded, "Authorization": f"Bearer {key}"})
        assert answer.status_code == 201
        assert ("; secure" in answer.headers["set-cookie"].lower()) is believed
