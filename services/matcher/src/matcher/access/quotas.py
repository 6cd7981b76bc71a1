"""Bytes a day, a key: reserved in the database before they are read, so that uploads at once can't pass it together."""

from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive

from matcher.access.repository import KeyRepository
from matcher.db import Database
from matcher.errors import ApiError

STEP = 4 << 20
"""Where the length is not declared, so much is reserved at a time."""


class MeteredBody:
    """An upload's `receive` that counts; `settle` gives back what was reserved and did not come."""

    def __init__(self, receive: Receive, database: Database, key_id: UUID, limit: int) -> None:
        self._receive = receive
        self._database = database
        self._key_id = key_id
        self._limit = limit
        self._day: date | None = None
        self._reserved = 0
        self._received = 0

    async def begin(self, declared: int) -> None:
        """Reserve what the request declares; `ApiError(quota_exceeded)` before any of it is read."""
        least = min(declared, self._limit + 1)
        await run_in_threadpool(self._reserve, least, least)

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        missing = self._received - self._reserved
        if missing > 0:
            await run_in_threadpool(self._reserve, max(missing, STEP), missing)
        return message

    async def settle(self) -> None:
        unused = self._reserved - self._received
        if unused > 0:
            await run_in_threadpool(self._give_back, unused)

    def _reserve(self, wanted: int, least: int) -> None:
        with self._database.begin() as session:
            keys = KeyRepository(session)
            now = keys.now().astimezone(UTC)
            day = self._day or now.date()
            for count in (wanted, least):
                if keys.use_bytes(self._key_id, day, count, self._limit):
                    self._day, self._reserved = day, self._reserved + count
                    return
        raise ApiError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "quota_exceeded",
            f"this key may send {self._limit} bytes a day",
            {"Retry-After": str(_until_tomorrow_s(now))},
        )

    def _give_back(self, unused: int) -> None:
        with self._database.begin() as session:
            if self._day is not None:
                KeyRepository(session).return_bytes(self._key_id, self._day, unused)


def _until_tomorrow_s(now: datetime) -> int:
    tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    return int((tomorrow - now).total_seconds()) + 1
