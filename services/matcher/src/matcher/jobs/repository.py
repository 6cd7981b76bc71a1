"""The SQL of jobs. A change of state names the attempt it is for, so that repeated and late messages change nothing."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.orm import Session

from matcher.jobs.tables import OPEN, Job, JobState
from needledrop.errors import ErrorCode
from needledrop.messages import Stage

CHANNEL = "needledrop_jobs"


class JobRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def announce(self) -> None:
        """Wake the dispatcher when this transaction commits."""
        self._session.execute(text(f"NOTIFY {CHANNEL}"))

    def lock(self, job_id: UUID, attempt: int) -> Job | None:
        """The open job, locked until the transaction ends; None where it is gone, ended, or on another attempt."""
        query = select(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state.in_(OPEN))
        return self._session.scalars(query.with_for_update()).one_or_none()

    def progress(
        self, job_id: UUID, attempt: int, stage: Stage, value: float | None, worker: str, lease_s: float
    ) -> bool:
        """Claim the job or renew its lease; False where the message is stale."""
        changed = update(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state.in_(OPEN))
        values = {"state": JobState.RUNNING, "stage": stage, "progress": value, "worker": worker}
        lease = func.clock_timestamp() + timedelta(seconds=lease_s)
        found = self._session.scalar(changed.values(**values, lease_until=lease).returning(Job.id))
        return found is not None

    def retry(self, job: Job) -> None:
        """Queue a job again, as a new attempt, so that whatever the old one still says is ignored."""
        job.state = JobState.QUEUED
        job.stage = Stage.QUEUED
        job.attempt += 1
        job.progress = job.lease_until = job.published_at = job.worker = None
        job.error_code = job.error_detail = None

    def expired(self, grace_s: float) -> Sequence[Job]:
        """Running jobs whose lease ran out more than `grace_s` seconds ago, locked."""
        limit = func.clock_timestamp() - timedelta(seconds=grace_s)
        query = select(Job).where(Job.state == JobState.RUNNING, Job.lease_until < limit)
        return self._session.scalars(query.with_for_update(skip_locked=True)).all()

    def to_publish(self, idle_modalities: Sequence[str], republish_s: float, limit: int) -> Sequence[Job]:
        """Queued jobs, oldest first, clips before tracks before pairs, locked: those never published, and those
        published more than `republish_s` seconds ago whose modality's queue is empty now: the message must be lost."""
        query = select(Job).where(Job.state == JobState.QUEUED, _unpublished(idle_modalities, republish_s))
        ordered = query.order_by(Job.clip_id.is_(None), Job.track_id.is_(None), Job.created_at).limit(limit)
        return self._session.scalars(ordered.with_for_update(skip_locked=True)).all()

    def mark_published(self, jobs: Sequence[Job]) -> None:
        ids = [job.id for job in jobs]
        self._session.execute(update(Job).where(Job.id.in_(ids)).values(published_at=func.clock_timestamp()))


def end_job(job: Job, state: JobState, code: ErrorCode | None = None, detail: str | None = None) -> None:
    """Put a locked job into a final state."""
    job.state = state
    job.lease_until = None
    job.error_code, job.error_detail = code, detail
    if state is JobState.DONE:
        job.stage, job.progress = Stage.READY, 1.0


def _unpublished(idle_modalities: Sequence[str], republish_s: float) -> ColumnElement[bool]:
    lost = and_(
        Job.modality.in_(idle_modalities),
        Job.published_at < func.clock_timestamp() - timedelta(seconds=republish_s),
    )
    return or_(Job.published_at.is_(None), lost)
