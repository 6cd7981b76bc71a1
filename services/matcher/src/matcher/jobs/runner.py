"""Doing the jobs of claimed kinds: one attempt, from its claim to what became of it."""

import socket
from collections.abc import Callable

from matcher.db import OperationalError
from matcher.jobs.attempt import Attempt, Claim, JobLostError
from matcher.jobs.kind import ClaimedKind, JobKinds
from matcher.jobs.outcomes import JobOutcomes
from matcher.jobs.repository import JobRepository, end_job
from matcher.resources import Resources
from matcher.tables import OPEN, Job, JobState
from needledrop.errors import ErrorCode, NeedledropError, StorageError
from needledrop.log import get_logger, job_context

log = get_logger(__name__)


class JobRunner:
    """`alive` is called at each sign of life of the work."""

    def __init__(self, resources: Resources, kinds: JobKinds, alive: Callable[[], None] = lambda: None) -> None:
        self._resources = resources
        self._database = resources.database
        self._settings = resources.settings
        self._kinds = kinds
        self._alive = alive

    def claim(self, kind: ClaimedKind) -> Claim | None:
        """Begin an attempt at the oldest job of the kind that may run now; None where there is none."""
        with self._database.begin() as session:
            jobs = JobRepository(session)
            job = jobs.claim(kind.name, kind.at_once, socket.gethostname(), self._settings.lease_s)
            return _claim(job) if job else None

    def run(self, claim: Claim) -> None:
        """Do the attempt. What can't be done ends the job with its code; after a store that is away, or an unexpected
        error, the job is tried again. `OperationalError` where the database is away, and `MemoryError`: the first
        leaves the job to its lease."""
        kind = self._kinds[claim.kind]
        assert isinstance(kind, ClaimedKind)
        with job_context(job_id=claim.job_id, attempt=claim.attempt):
            try:
                self._run(kind, claim)
            except MemoryError:
                self._clean_up(kind, claim)
                raise
            self._clean_up(kind, claim)

    def give_back(self, claim: Claim) -> None:
        """Queue a job whose attempt was ended because its worker is to stop: no try is spent."""
        with self._database.begin() as session:
            job = JobRepository(session).lock_running(claim.job_id, claim.attempt)
            if job is not None:
                log.warning("job given back", job_id=str(claim.job_id), kind=claim.kind)
                JobOutcomes(session, self._kinds, self._settings).give_back(job)

    def lost(self, claim: Claim, code: ErrorCode, detail: str) -> None:
        """Say of an attempt whose process ended before it could speak for itself that it failed."""
        self._try_again(claim, code, detail)

    def _run(self, kind: ClaimedKind, claim: Claim) -> None:
        try:
            with Attempt(self._database, claim, self._settings.lease_s, self._alive) as attempt:
                kind.run(self._resources, attempt)
            self._done(claim)
        except JobLostError:
            log.info("the job was called off, or has a newer attempt")
        except NeedledropError as error:
            if isinstance(error, StorageError) and error.code is ErrorCode.STORAGE_UNAVAILABLE:
                # It may take minutes to come back, so the first pause is a lease.
                pause_s = max(self._settings.retry_backoff_s, self._settings.lease_s)
                self._try_again(claim, error.code, error.detail, pause_s)
                return
            self._fail(claim, error)
        except OperationalError:
            raise
        except MemoryError:
            self._try_again(claim, ErrorCode.OUT_OF_MEMORY, "the trainer had too little memory for this job")
            raise
        except Exception as error:
            log.error("job broke", kind=claim.kind, exc_info=error)
            self._try_again(claim, ErrorCode.INTERNAL, "an internal error; the trainer's log has the cause")

    def _done(self, claim: Claim) -> None:
        """End the job, unless the work has done so together with what it wrote."""
        with self._database.begin() as session:
            job = JobRepository(session).lock_running(claim.job_id, claim.attempt)
            if job is not None:
                end_job(job, JobState.DONE)

    def _fail(self, claim: Claim, error: NeedledropError) -> None:
        log.warning("job failed", kind=claim.kind, code=error.code, detail=error.detail)
        with self._database.begin() as session:
            job = JobRepository(session).lock_running(claim.job_id, claim.attempt)
            if job is not None:
                JobOutcomes(session, self._kinds, self._settings).fail(job, error.code, error.detail)

    def _try_again(self, claim: Claim, code: ErrorCode, detail: str, first_pause_s: float | None = None) -> None:
        log.warning("attempt failed", kind=claim.kind, code=code, detail=detail)
        with self._database.begin() as session:
            job = JobRepository(session).lock_running(claim.job_id, claim.attempt)
            if job is not None:
                JobOutcomes(session, self._kinds, self._settings).try_again(job, code, detail, first_pause_s)

    def _clean_up(self, kind: ClaimedKind, claim: Claim) -> None:
        """Unless the job is to be done still, by whomever."""
        with self._database.begin() as session:
            job = JobRepository(session).get(claim.job_id)
        if job is None or job.state not in OPEN:
            kind.clean_up(self._resources, claim)


def _claim(job: Job) -> Claim:
    subject = job.track_id or job.clip_id or job.pair_id or job.model_id
    return Claim(job.id, job.attempt, job.kind, str(subject))
