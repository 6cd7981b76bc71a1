"""The SQL of jobs. A change of state names the attempt it is for, so that repeated and late messages change nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, func, or_, select, text, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.jobs.backoff import pause
from matcher.tables import OPEN, Job, JobState
from needledrop.errors import ErrorCode
from needledrop.messages import Stage

CHANNEL = "needledrop_jobs"


class JobKey(BaseModel):
    """The list of jobs runs from the newest to the oldest."""

    created_at: datetime
    id: UUID


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
        """Claim the job or renew its lease; False where the message is stale. `worker`: empty leaves it as it is."""
        changed = update(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state.in_(OPEN))
        values: dict[str, object] = {"state": JobState.RUNNING, "stage": stage, "progress": value}
        if worker:
            values["worker"] = worker
        lease = func.clock_timestamp() + timedelta(seconds=lease_s)
        found = self._session.scalar(changed.values(**values, lease_until=lease).returning(Job.id))
        return found is not None

    def again(self, job: Job) -> None:
        """Queue a job that has ended anew, with all its tries before it."""
        self._queue(job)
        job.tries = 1
        job.error_code = job.error_detail = None

    def give_back(self, job: Job) -> None:
        """Queue a job whose worker was told to stop: nothing was wrong with it, so no try is spent."""
        self._queue(job)

    def retry(self, job: Job, max_attempts: int, first_pause_s: float, code: ErrorCode, detail: str) -> bool:
        """Queue a job whose attempt failed for a later try, or end it where all are used up: False then.

        Until it has been done, `code` and `detail` say what went wrong last.
        """
        if job.tries >= max_attempts:
            end_job(job, JobState.DEAD, code, detail)
            return False
        self._queue(job)
        self._session.flush()
        after = func.clock_timestamp() + pause(job.tries, first_pause_s)
        waiting = {"run_after": after, "tries": Job.tries + 1, "error_code": code, "error_detail": detail}
        self._session.execute(update(Job).where(Job.id == job.id).values(**waiting))
        return True

    def shorten_lease(self, job_id: UUID, attempt: int, lease_s: float) -> bool:
        """Let a running attempt's lease end in `lease_s` seconds at the latest, unless it is renewed; False if none."""
        mine = update(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state == JobState.RUNNING)
        soon = func.clock_timestamp() + timedelta(seconds=lease_s)
        return (
            self._session.scalar(mine.values(lease_until=func.least(Job.lease_until, soon)).returning(Job.id))
            is not None
        )

    def _queue(self, job: Job) -> None:
        """A new attempt, so that whatever the old one still says is ignored."""
        job.state = JobState.QUEUED
        job.stage = Stage.QUEUED
        job.attempt += 1
        job.progress = job.lease_until = job.published_at = job.worker = job.run_after = None

    def get(self, job_id: UUID) -> Job | None:
        return self._session.get(Job, job_id)

    def lock_any(self, job_id: UUID) -> Job | None:
        """The job in whatever state, locked until the transaction ends."""
        return self._session.scalars(select(Job).where(Job.id == job_id).with_for_update()).one_or_none()

    def page(self, state: JobState | None, limit: int, after: JobKey | None) -> Sequence[Job]:
        """From the newest on; those of one state where it is given."""
        query = select(Job).order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)
        if state:
            query = query.where(Job.state == state)
        if after:
            query = query.where(tuple_(Job.created_at, Job.id) < (after.created_at, after.id))
        return self._session.scalars(query).all()

    def count(self, state: JobState | None) -> int:
        query = select(func.count()).select_from(Job)
        return self._session.scalar(query.where(Job.state == state) if state else query) or 0

    def unpublish(self) -> int:
        """Count every queued job as not published: the broker has lost its messages; how many."""
        lost = update(Job).where(Job.state == JobState.QUEUED, Job.published_at.is_not(None))
        return len(self._session.scalars(lost.values(published_at=None).returning(Job.id)).all())

    def expired(self, grace_s: float) -> Sequence[Job]:
        """Running jobs whose lease ran out more than `grace_s` seconds ago, locked."""
        limit = func.clock_timestamp() - timedelta(seconds=grace_s)
        query = select(Job).where(Job.state == JobState.RUNNING, Job.lease_until < limit)
        return self._session.scalars(query.with_for_update(skip_locked=True)).all()

    def to_publish(self, idle_modalities: Sequence[str], republish_s: float, limit: int) -> Sequence[Job]:
        """Queued jobs, oldest first, clips before tracks before pairs, locked: those never published, and those
        published more than `republish_s` seconds ago whose modality's queue is empty now: the message must be lost."""
        due = or_(Job.run_after.is_(None), Job.run_after <= func.clock_timestamp())
        query = select(Job).where(Job.state == JobState.QUEUED, due, _unpublished(idle_modalities, republish_s))
        ordered = query.order_by(Job.clip_id.is_(None), Job.track_id.is_(None), Job.created_at).limit(limit)
        return self._session.scalars(ordered.with_for_update(skip_locked=True)).all()

    def mark_published(self, jobs: Sequence[Job]) -> None:
        ids = [job.id for job in jobs]
        self._session.execute(update(Job).where(Job.id.in_(ids)).values(published_at=func.clock_timestamp()))


def lock_jobs_of(session: Session, job_column: InstrumentedAttribute[UUID | None], asset_id: UUID) -> None:
    """Until the transaction ends, no job of the asset changes.

    Whoever is to lock the asset, too, does this first: a job that ends locks itself, then its asset.
    """
    session.execute(select(Job.id).where(job_column == asset_id).order_by(Job.id).with_for_update())


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
