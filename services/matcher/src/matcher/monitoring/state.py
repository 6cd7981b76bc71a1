"""How the whole system stands, as database and queue tell it: what metrics are made of."""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

import redis

from matcher.context import Context
from matcher.jobs.kind import JobKinds
from matcher.monitoring.probes import Probe
from matcher.monitoring.readiness import DOWN, PATIENCE_S
from matcher.monitoring.repository import Backlog, JobCount, asset_sizes, count_jobs, give_up_after, waiting_since
from matcher.registry.repository import active_model
from needledrop.messages import REPLY_QUEUE
from needledrop_worker.celery import KEY_PREFIX

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Library:
    """What the database says. `assets`: number and bytes by kind; `model`: the active one's id and kind, if any."""

    jobs: list[JobCount]
    backlog: dict[str, Backlog]
    assets: dict[str, tuple[int, int]]
    model: tuple[str, str] | None


@dataclass(frozen=True)
class SystemState:
    """`library` and `queues` are None where database or queue did not answer."""

    library: Library | None
    queues: dict[str, int] | None


class StateReader:
    def __init__(self, context: Context, kinds: JobKinds) -> None:
        self._library = Probe(lambda: _library(context))
        self._queues = Probe(lambda: _queues(context, [*kinds.queues, REPLY_QUEUE]))

    async def read(self) -> SystemState:
        """Takes `PATIENCE_S` seconds at most."""
        library, queues = await asyncio.gather(_or_none(self._library), _or_none(self._queues))
        return SystemState(library, queues)


async def _or_none(probe: Probe[Answer]) -> "Answer | None":
    try:
        return await probe.answer(PATIENCE_S)
    except (TimeoutError, *DOWN):
        return None


def _library(context: Context) -> Library:
    with context.database.snapshot() as session:
        give_up_after(session, PATIENCE_S)
        model = active_model(session)
        return Library(
            jobs=count_jobs(session),
            backlog=waiting_since(session),
            assets=asset_sizes(session),
            model=(model.id, model.kind) if model else None,
        )


def _queues(context: Context, queues: list[str]) -> dict[str, int]:
    url = context.settings.redis_url.get_secret_value()
    with redis.Redis.from_url(url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S) as client:
        return {queue: int(client.llen(KEY_PREFIX + queue)) for queue in queues}
