"""uvicorn's HTTP/1.1 protocol with the two time limits that it lacks."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 20.0
"""A request's line and headers must be complete within this time."""
STALLED_S = 300.0
"""A client that reads nothing of an answer for this long is let go; a paused player asks again."""


class BoundedProtocol(H11Protocol):
    """Ends connections whose client neither completes a request nor reads its answer."""

    _headers_timer: asyncio.TimerHandle | None = None
    _stalled_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_timer = _cancelled(self._headers_timer)
        self._stalled_timer = _cancelled(self._stalled_timer)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled_timer = self._stalled_timer or self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stalled_timer = _cancelled(self._stalled_timer)

    def _watch_headers(self) -> None:
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._headers_timer = self._headers_timer or self.loop.call_later(HEADERS_S, self.transport.abort)
        else:
            self._headers_timer = _cancelled(self._headers_timer)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None
