"""How request bodies are read: bounded in bytes and in time, and no further once the answer is known.

A pure ASGI layer around everything else, so that whatever refuses a request, refuses it before its body is read.
"""

import time
from http import HTTPStatus

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matcher.errors import ApiError

LINGER_BYTES = 256 << 10
LINGER_S = 1.0
CLOSE = (b"connection", b"close")


class BodyGuard:
    """Refuses bodies that are too large (413) or come too slowly (408).

    A client may be silent for `idle_s`, and must send `least_rate` bytes a second on average after that; only the time
    in which we wait for it counts.
    """

    def __init__(self, app: ASGIApp, idle_s: float, least_rate: int) -> None:
        self._app = app
        self._idle_s = idle_s
        self._least_rate = least_rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = RequestBody(scope, receive, send, self._idle_s, self._least_rate)
        await self._app(scope, body.receive, body.send)


class RequestBody:
    """One request's body. It puts itself into the scope's state, where `body_of` finds it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, idle_s: float, least_rate: int) -> None:
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        self.declared = int(declared) if declared.isascii() and declared.isdigit() else None
        self.read = 0
        self._announced = bool(self.declared) or "transfer-encoding" in headers
        self._ended = False
        self._limit: int | None = None
        self._receive = receive
        self._send = send
        self._idle_s = idle_s
        self._least_rate = least_rate
        self._waited = 0.0
        self._cut = False
        scope.setdefault("state", {})["body"] = self

    def allow(self, limit: int) -> None:
        """Hold this upload to `limit` bytes; bodies that are no uploads are held to less by the gate."""
        self._limit = limit

    async def receive(self) -> Message:
        if self._ended or self._cut:
            return await self._receive()
        self._check(self.declared or 0)
        message = await self._wait()
        if message["type"] == "http.request":
            self.read += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            self._check(self.read)
        return message

    async def send(self, message: Message) -> None:
        """An answer before the body's end closes the connection: what the client still sends is not read."""
        if message["type"] == "http.response.start" and self._announced and not self._ended:
            self._cut = True
            message = {**message, "headers": [*message.get("headers", []), CLOSE]}
        if message["type"] == "http.response.body" and self._cut and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    def _check(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "upload_too_large",
                f"the body may have at most {self._limit} bytes",
            )

    async def _wait(self) -> Message:
        patience = min(self._idle_s, self._idle_s + self.read / self._least_rate - self._waited)
        began = time.monotonic()
        try:
            with anyio.fail_after(max(patience, 0.001)):
                message = await self._receive()
        except TimeoutError as error:
            raise ApiError(HTTPStatus.REQUEST_TIMEOUT, "upload_too_slow", "the body came too slowly") from error
        self._waited += time.monotonic() - began
        return message

    async def _linger(self) -> None:
        """Read a little more, to no purpose: closing at once would reset the connection before the answer is read."""
        left = LINGER_BYTES
        with anyio.move_on_after(LINGER_S):
            while left > 0:
                message = await self._receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))


def body_of(scope: Scope) -> RequestBody:
    body = scope["state"]["body"]
    assert isinstance(body, RequestBody)
    return body
