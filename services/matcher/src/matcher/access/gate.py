"""The gate: every request passes it before routing, and before a byte of its body is read."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matcher.access.caller import CALLER_KEY
from matcher.access.guard import Guard
from matcher.access.quotas import MeteredBody
from matcher.access.rules import RuleTable
from matcher.errors import EXPECTED, ApiError, answer

MAX_BODY_BYTES = 1 << 20
"""Of requests that are no uploads: JSON is read whole into memory."""


class Gate:
    """Plain ASGI: it neither buffers nor wraps what passes through."""

    def __init__(self, app: ASGIApp, rules: RuleTable, guard: Guard) -> None:
        self._app = app
        self._rules = rules
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        rule = self._rules.rule_for(scope)
        metered: MeteredBody | None = None
        try:
            if rule.scope is not None:
                scope[CALLER_KEY] = caller = await self._guard.admit(scope, rule)
                metered = self._guard.metered(receive, caller) if rule.uploads else None
            if metered:
                await metered.begin(_declared(scope))
            limited = metered.receive if metered else receive if rule.uploads else _limited(scope, receive)
        except EXPECTED as error:
            return await _refuse(scope, receive, send, error)
        try:
            await self._app(scope, limited, send)
        finally:
            if metered:
                await metered.settle()


def _declared(scope: Scope) -> int:
    """The length that the request declares, 0 where it declares none."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() else 0


def _limited(scope: Scope, receive: Receive) -> Receive:
    """`receive` that ends a body which grows too large; uploads have a limit of their own."""
    if _declared(scope) > MAX_BODY_BYTES:
        raise _too_large()
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise _too_large()
        return message

    return counting


async def _refuse(scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
    """Answer, and end the connection where a body is under way that nobody will read."""
    response = answer(Request(scope), error)
    headers = Headers(scope=scope)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        response.headers["Connection"] = "close"
    await response(scope, receive, send)


def _too_large() -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"a request may have at most {MAX_BODY_BYTES} bytes"
    )
