"""An attempt at a job that was claimed from the database, and holding on to it while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from matcher.db import Database, OperationalError, Session
from matcher.jobs.repository import JobRepository
from matcher.tables import Job
from needledrop.log import get_logger
from needledrop.messages import Stage

BEATS_A_LEASE = 4
log = get_logger(__name__)


class JobLostError(Exception):
    """The job is gone or has a newer attempt: nobody waits for this one any more."""


@dataclass(frozen=True)
class Claim:
    """Which attempt at which job, and what it is about: the id of a track, clip, pair or model."""

    job_id: UUID
    attempt: int
    kind: str
    subject_id: str


class Attempt:
    """Renews the job's lease from a thread of its own while the block runs, however long a step of it takes.

    `alive` is called at each sign of life that the work itself gives.
    """

    def __init__(self, database: Database, claim: Claim, lease_s: float, alive: Callable[[], None]) -> None:
        self.claim = claim
        self._database = database
        self._lease_s = lease_s
        self._alive = alive
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        """`JobLostError` where the job is no longer ours."""
        self._renew({})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def advance(self, stage: Stage, progress: float | None = None, figures: dict[str, Any] | None = None) -> None:
        """Say how far the work is; `figures` replace those before. `JobLostError` where it is no longer ours."""
        self._alive()
        values: dict[str, Any] = {"stage": stage, "progress": progress}
        if figures is not None:
            values["figures"] = figures
        self._renew(values)

    def check(self) -> None:
        """Renew the lease; `JobLostError` where the job is no longer ours."""
        self._alive()
        self._renew({})

    def lock(self, session: Session) -> Job:
        """The job, locked until the transaction ends; `JobLostError` where it is no longer ours."""
        job = JobRepository(session).lock_running(self.claim.job_id, self.claim.attempt)
        if job is None:
            raise JobLostError
        return job

    def pause(self, seconds: float) -> None:
        """Wait; the lease is renewed meanwhile."""
        self._over.wait(seconds)

    def _renew(self, values: dict[str, Any]) -> None:
        with self._database.begin() as session:
            if not JobRepository(session).renew(self.claim.job_id, self.claim.attempt, self._lease_s, values):
                raise JobLostError

    def _beat(self) -> None:
        while not self._over.wait(self._lease_s / BEATS_A_LEASE):
            try:
                self._renew({})
            except OperationalError as error:
                log.warning("the lease can't be renewed", error=str(error).splitlines()[0])
            except JobLostError:
                return
