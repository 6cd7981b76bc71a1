"""A model's progress as server-sent events."""

from collections.abc import AsyncIterator

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from matcher.db import Database
from matcher.errors import ApiError
from matcher.models.queries import progress_of
from matcher.models.schemas import ModelProgress

POLL_S = 0.5
LAST_S = 5.0
"""How long a stream may take to end by itself when the server stops, before it is cut off."""
GONE = ServerSentEvent("{}", event="gone")


async def watch(database: Database, model_id: str, stopping: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """An event `progress` at the start and after each change; last `done`, `failed`, or `gone` if it was deleted.

    Ends within seconds, without a last event, once `stopping` is set: the client asks the next server.
    """
    told: ModelProgress | None = None
    while not stopping.is_set():
        try:
            progress = await run_in_threadpool(progress_of, database, model_id)
        except ApiError:
            yield GONE
            return
        if progress.state in {"ready", "failed"}:
            failed = progress.state == "failed" or progress.error is not None
            yield ServerSentEvent(progress.model_dump_json(), event="failed" if failed else "done")
            return
        if progress != told:
            yield ServerSentEvent(progress.model_dump_json(), event="progress")
            told = progress
        with anyio.move_on_after(POLL_S):
            await stopping.wait()


def stream(database: Database, model_id: str) -> EventSourceResponse:
    """The model's events until the last one, or until the server stops: then the answer is ended, not broken off."""
    stopping = anyio.Event()
    events = watch(database, model_id, stopping)
    headers = {"Cache-Control": "no-store"}
    return EventSourceResponse(events, headers=headers, shutdown_event=stopping, shutdown_grace_period=LAST_S)
