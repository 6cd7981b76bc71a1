"""Signs of life while a job runs: how far it is, and that it is still at it where it can't tell how far."""

import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from needledrop.log import get_logger
from needledrop.messages import Stage
from needledrop_worker.celery import BROKER_ERRORS

HEARTBEAT_S = 5.0
"""At least this often a running job says so, also while its model loads."""

PROGRESS_EVERY_S = 1.0
log = get_logger(__name__)


class Heartbeat:
    """Calls `say` at the start of the block, at most once in `PROGRESS_EVERY_S` as the job advances, and from a thread
    of its own at least once in `every_s`. What can't be sent is logged: a lease outlasts some lost signs of life.
    """

    def __init__(self, say: Callable[[Stage, float | None], None], every_s: float = HEARTBEAT_S) -> None:
        self._say = say
        self._every_s = every_s
        self._lock = Lock()
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)
        self._stage = Stage.STARTED
        self._value: float | None = None
        self._last = float("-inf")

    def __enter__(self) -> Self:
        self._tell()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        # Not for ever: the thread may be waiting for the broker, and what it says afterwards is stale.
        self._thread.join(timeout=self._every_s)

    def advance(self, value: float | None, stage: Stage = Stage.WORKING) -> None:
        """The job is at `stage`, and `value` (0…1, None: not known) of it is done."""
        first = self._stage is not stage
        self._stage, self._value = stage, value
        if first or time.monotonic() - self._last >= PROGRESS_EVERY_S:
            self._tell()

    def _beat(self) -> None:
        while not self._over.wait(max(0.0, self._last + self._every_s - time.monotonic())):
            self._tell()

    def _tell(self) -> None:
        with self._lock:
            self._last = time.monotonic()
            try:
                self._say(self._stage, self._value)
            except BROKER_ERRORS as error:
                log.warning("a sign of life can't be sent", error=str(error))
