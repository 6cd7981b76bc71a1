"""What becomes of a model's job whose attempt failed or was left before its end."""

from sqlalchemy.orm import Session

from matcher.jobs.repository import JobRepository
from matcher.models.jobs import end_model_job, put_back
from matcher.models.repository import training_failed
from matcher.settings import MatcherSettings
from matcher.tables import JobState, ModelJob, ModelJobKind
from needledrop.errors import ErrorCode


def try_again(session: Session, job: ModelJob, settings: MatcherSettings, code: ErrorCode, detail: str) -> bool:
    """Queue a locked job for a later attempt; where all are used up, end it with `code` and `detail`: False then.

    A store that is away is given the time of a lease first, and longer each time: it may take minutes to come back.
    """
    if job.attempt < settings.max_attempts:
        away = code is ErrorCode.STORAGE_UNAVAILABLE
        put_back(job, max(settings.retry_backoff_s, settings.lease_s) if away else settings.retry_backoff_s)
        return True
    end_model_job(job, JobState.DEAD, code, detail)
    if job.kind == ModelJobKind.TRAIN:
        training_failed(session, job.model_id)
    return False


def go_on(session: Session, job: ModelJob) -> None:
    """Queue a locked job at once, under the same attempt: no try is spent."""
    job.state = JobState.QUEUED
    job.lease_until = job.published_at = job.worker = None
    JobRepository(session).announce()
