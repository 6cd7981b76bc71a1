"""Deciding who a request is from, and whether it may go on. Reads the request's head alone."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Receive
from starlette.types import Scope as AsgiScope

from matcher.access.caller import LOCAL, Caller
from matcher.access.keys import ended
from matcher.access.origin import is_local, refuse_foreign_page, require_known_host
from matcher.access.quotas import MeteredBody
from matcher.access.rates import RateLimits
from matcher.access.repository import KeyRepository
from matcher.access.scopes import Rule, Scope
from matcher.access.tokens import digest, looks_like_key, looks_like_session
from matcher.db import Database
from matcher.errors import ApiError
from matcher.settings import MatcherSettings
from matcher.tables import ApiKey

COOKIE = "needledrop_session"
_ASK_FOR_KEY = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class _Credentials:
    """What the request brings; a key counts before a cookie."""

    key: str | None
    session: str | None


class Guard:
    """`gateway`: the address that the container's own machine calls from, None where only loopback is this machine."""

    def __init__(self, settings: MatcherSettings, database: Database, gateway: str | None) -> None:
        self._settings = settings
        self._database = database
        self._gateway = gateway
        self._rates = RateLimits(settings.redis_url.get_secret_value())

    def metered(self, receive: Receive, caller: Caller) -> MeteredBody | None:
        """The body of the caller's upload, counted; None where nothing limits it."""
        if caller.key_id is None or caller.daily_bytes is None:
            return None
        return MeteredBody(receive, self._database, caller.key_id, caller.daily_bytes)

    async def admit(self, scope: AsgiScope, rule: Rule) -> Caller:
        """Who calls. `ApiError` 401, 403 or 429 where the caller may not, and whatever the database raises."""
        headers = Headers(scope=scope)
        refuse_foreign_page(headers)
        if self._settings.allowed_hosts:
            require_known_host(headers, self._settings.allowed_hosts)
        brought = _credentials(headers)
        if brought.key is None and brought.session is None:
            return await self._without_key(scope, headers)
        caller = await run_in_threadpool(self._with_key, brought)
        if caller is None:
            return await self._without_key(scope, headers)
        if rule.scope and not caller.scope.includes(rule.scope):
            raise ApiError(HTTPStatus.FORBIDDEN, "scope_missing", f"this takes a key with the scope {rule.scope}")
        return caller

    async def _without_key(self, scope: AsgiScope, headers: Headers) -> Caller:
        if await run_in_threadpool(self._any_key):
            raise ApiError(HTTPStatus.UNAUTHORIZED, "key_missing", "this takes an API key", _ASK_FOR_KEY)
        if not is_local(scope, headers, self._gateway):
            raise ApiError(
                HTTPStatus.FORBIDDEN, "local_only", "until a key is made, only the machine itself may call this server"
            )
        require_known_host(headers, self._settings.allowed_hosts)
        return LOCAL

    def _any_key(self) -> bool:
        with self._database.begin() as session:
            return KeyRepository(session).any()

    def _with_key(self, brought: _Credentials) -> Caller | None:
        """The caller that the key or the session stands for; None for a session that is over.

        A browser keeps its cookie when all keys are forgotten, so that alone is no reason to refuse it.
        """
        if brought.key is not None and not looks_like_key(brought.key):
            raise _invalid_key()
        with self._database.begin() as session:
            keys = KeyRepository(session)
            if brought.key is not None:
                key = keys.by_hash(digest(brought.key))
                if key is None or ended(key, keys.now()):
                    raise _invalid_key()
            else:
                key = keys.by_session(digest(brought.session or ""))
                if key is None or ended(key, keys.now()):
                    return None
            keys.touch(key.id)
            caller = self._caller(key, session=brought.key is None)
        self._rates.spend(caller)
        return caller

    def _caller(self, key: ApiKey, *, session: bool) -> Caller:
        rate, quota = key.rate_per_s, key.daily_bytes
        return Caller(
            key.id,
            key.name,
            Scope(key.scope),
            session,
            rate_per_s=self._settings.key_rate_per_s if rate is None else rate,
            daily_bytes=self._settings.key_daily_bytes if quota is None else quota,
        )


def _credentials(headers: Headers) -> _Credentials:
    """`Authorization: Bearer …`, or `X-API-Key` where a proxy in front needs `Authorization` for a login of its own."""
    kind, _, text = headers.get("authorization", "").partition(" ")
    key = text.strip() if kind.lower() == "bearer" else headers.get("x-api-key")
    cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return _Credentials(key, cookie if cookie and looks_like_session(cookie) else None)


def _invalid_key() -> ApiError:
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "key_invalid",
        "this API key is unknown, revoked or expired",
        {"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )
