"""Which part is down: each asked on its own, at the same time, with little patience."""

import asyncio
from collections.abc import Callable

import redis

from matcher.context import Context
from matcher.db import OperationalError, PoolTimeout, ProgrammingError
from matcher.monitoring.probes import Probe
from matcher.monitoring.repository import waiting_since
from matcher.registry.repository import active_model
from needledrop.errors import StorageError

PATIENCE_S = 2.0
STALLED_S = 60.0
"""A job that waits this long while nobody does one of its kind: nobody takes them."""

DOWN = (OperationalError, ProgrammingError, PoolTimeout, redis.RedisError, StorageError)
"""What is raised where a part can't be reached."""


class ReadinessChecks:
    """`parts`: what the API itself needs. `workers`: whether somebody takes each kind of job; the API works without."""

    def __init__(self, context: Context) -> None:
        self._parts = {
            "database": Probe(_told(context.database.ping)),
            "queue": Probe(_told(lambda: _ping_queue(context))),
            "media": Probe(_told(lambda: context.store.exists("media/ready"))),
            "model": Probe(_told(lambda: _model(context))),
        }
        self._workers = Probe(lambda: _backlog(context))

    async def parts(self) -> dict[str, str]:
        """`ok` for each part, or what is wrong with it; takes `PATIENCE_S` seconds at most."""
        answers = await asyncio.gather(*(_within(probe) for probe in self._parts.values()))
        return dict(zip(self._parts, answers, strict=True))

    async def workers(self) -> dict[str, str]:
        """`ok` for each kind of job that is waited for or done, or for how long nobody has taken one."""
        try:
            return await self._workers.answer(PATIENCE_S)
        except (TimeoutError, *DOWN):
            return {}


async def _within(probe: Probe[str]) -> str:
    try:
        return await probe.answer(PATIENCE_S)
    except TimeoutError:
        return f"does not answer within {PATIENCE_S:g} s"


def _told(ask: Callable[[], object]) -> Callable[[], str]:
    """`ok`, what `ask` returns where that is a text, or that the part can't be reached."""

    def tell() -> str:
        try:
            found = ask()
        except DOWN:
            return "can't be reached"
        return found if isinstance(found, str) else "ok"

    return tell


def _model(context: Context) -> str:
    with context.database.begin() as session:
        return "ok" if active_model(session) else "no model is installed"


def _ping_queue(context: Context) -> None:
    url = context.settings.redis_url.get_secret_value()
    with redis.Redis.from_url(url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S) as client:
        client.ping()


def _backlog(context: Context) -> dict[str, str]:
    with context.database.begin() as session:
        waiting = waiting_since(session)
    return {
        kind: "ok" if state.working or state.oldest_s < STALLED_S else f"nobody took a job for {state.oldest_s:.0f} s"
        for kind, state in waiting.items()
    }
