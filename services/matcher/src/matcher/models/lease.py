"""Holding on to a model's job while it runs."""

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import OperationalError

from matcher.db import Database
from matcher.models.jobs import ModelJobRepository
from needledrop.log import get_logger
from needledrop.messages import ModelTask

BEATS_A_LEASE = 4
log = get_logger(__name__)


class JobLostError(Exception):
    """The job is gone or has a newer attempt: nobody waits for this one any more."""


class Lease:
    """Renews the job's lease from a thread of its own while the block runs, however long a step of it takes."""

    def __init__(self, database: Database, message: ModelTask, lease_s: float, alive: Callable[[], None]) -> None:
        self._database = database
        self._message = message
        self._lease_s = lease_s
        self._alive = alive
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def renew(self, **progress: Any) -> None:
        """Renew it now, with an epoch's figures where given; `JobLostError` where it is no longer ours."""
        self._alive()
        with self._database.begin() as session:
            jobs = ModelJobRepository(session)
            if not jobs.renew(self._message.job_id, self._message.attempt, self._lease_s, **progress):
                raise JobLostError

    def _beat(self) -> None:
        while not self._over.wait(self._lease_s / BEATS_A_LEASE):
            try:
                self.renew()
            except OperationalError as error:
                log.warning("the lease can't be renewed", error=str(error).splitlines()[0])
            except JobLostError:
                return
