"""What becomes of a job whose attempt did not end well, whatever its kind. The jobs are locked by the caller."""

from matcher.db import Session
from matcher.jobs.kind import JobKind, JobKinds
from matcher.jobs.repository import JobRepository, end_job
from matcher.settings import MatcherSettings
from matcher.tables import Job, JobState
from needledrop.errors import ErrorCode


class JobOutcomes:
    """Where a job ends without being done, what its kind says follows is part of the same transaction."""

    def __init__(self, session: Session, kinds: JobKinds, settings: MatcherSettings) -> None:
        self._session = session
        self._jobs = JobRepository(session)
        self._kinds = kinds
        self._settings = settings

    def fail(self, job: Job, code: ErrorCode, detail: str) -> None:
        """End a job that can't be done."""
        self._end(job, JobState.FAILED, code, detail)

    def try_again(self, job: Job, code: ErrorCode, detail: str, first_pause_s: float | None = None) -> bool:
        """Queue a job for a later try, or give it up where all are used: False then.

        Until it has been done, `code` and `detail` say what went wrong last. `first_pause_s`: the pause after the
        first try, doubled with each; that of the settings if None.
        """
        if job.tries >= self._settings.max_attempts:
            self._end(job, JobState.DEAD, code, detail)
            return False
        pause_s = self._settings.retry_backoff_s if first_pause_s is None else first_pause_s
        self._jobs.queue_later(job, pause_s, code, detail)
        return True

    def give_back(self, job: Job) -> None:
        """Queue a job whose worker was told to stop: nothing was wrong with it, so no try is spent."""
        self._jobs.queue_again(job)
        self._jobs.announce()

    def ask_again(self, job: Job) -> None:
        """Queue a job that has ended, with all its tries before it; `ApiError` where its kind refuses."""
        kind = self._kind(job)
        if kind:
            kind.on_retry(self._session, job)
        self._jobs.queue_anew(job)
        self._jobs.announce()

    def _end(self, job: Job, state: JobState, code: ErrorCode, detail: str) -> None:
        end_job(job, state, code, detail)
        kind = self._kind(job)
        if kind:
            kind.on_failed(self._session, job)

    def _kind(self, job: Job) -> JobKind | None:
        """None where a newer version has left a job of a kind that this one doesn't know."""
        return self._kinds.get(job.kind)
