"""A model's progress as server-sent events."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from matcher.db import Database
from matcher.errors import ApiError
from matcher.models.queries import progress_of
from matcher.models.schemas import ModelProgress

POLL_S = 0.5
GONE = ServerSentEvent("{}", event="gone")


async def watch(database: Database, model_id: str) -> AsyncIterator[ServerSentEvent]:
    """An event `progress` at the start and after each change; last `done`, `failed`, or `gone` if it was deleted."""
    told: ModelProgress | None = None
    while True:
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
        await asyncio.sleep(POLL_S)
