"""The SQL of jobs. A change of state names the attempt it is for, so that repeated and late messages change nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
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
        """Wake the dispatcher and the trainer when this transaction commits."""
        self._session.execute(text(f"NOTIFY {CHANNEL}"))

    def get(self, job_id: UUID) -> Job | None:
        return self._session.get(Job, job_id)

    def lock(self, job_id: UUID, attempt: int) -> Job | None:
        """The open job, locked until the transaction ends; None where it is gone, ended, or on another attempt."""
        query = select(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state.in_(OPEN))
        return self._session.scalars(query.with_for_update()).one_or_none()

    def lock_running(self, job_id: UUID, attempt: int) -> Job | None:
        """The running job, locked until the transaction ends; None where it is gone or no longer this attempt's."""
        query = select(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state == JobState.RUNNING)
        return self._session.scalars(query.with_for_update()).one_or_none()

    def lock_any(self, job_id: UUID) -> Job | None:
        """The job in whatever state, locked until the transaction ends."""
        return self._session.scalars(select(Job).where(Job.id == job_id).with_for_update()).one_or_none()

    def progress(
        self, job_id: UUID, attempt: int, stage: Stage, value: float | None, worker: str, lease_s: float
    ) -> bool:
        """Claim the job or renew its lease; False where the message is stale. `worker`: empty leaves it as it is."""
        changed = update(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state.in_(OPEN))
        values: dict[str, object] = {"state": JobState.RUNNING, "stage": stage, "progress": value}
        if worker:
            values["worker"] = worker
        found = self._session.scalar(changed.values(**values, lease_until=_in(lease_s)).returning(Job.id))
        return found is not None

    def renew(self, job_id: UUID, attempt: int, lease_s: float, values: Mapping[str, Any]) -> bool:
        """Renew a running job's lease and change its columns; False where it is no longer this attempt's."""
        mine = update(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state == JobState.RUNNING)
        return self._session.scalar(mine.values(**values, lease_until=_in(lease_s)).returning(Job.id)) is not None

    def shorten_lease(self, job_id: UUID, attempt: int, lease_s: float) -> bool:
        """Let a running attempt's lease end in `lease_s` seconds at the latest, unless it is renewed; False if none."""
        mine = update(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state == JobState.RUNNING)
        sooner = func.least(Job.lease_until, _in(lease_s))
        return self._session.scalar(mine.values(lease_until=sooner).returning(Job.id)) is not None

    def claim(self, kind: str, at_once: int | None, worker: str, lease_s: float) -> Job | None:
        """Begin the oldest queued job of the kind that may run now, unless `at_once` of them run; locked."""
        # Two that claim at once would both find room for one more.
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 2))")
        self._session.execute(lock, {"name": f"claim {kind}"})
        if self.room(kind, at_once) == 0:
            return None
        query = select(Job).where(Job.kind == kind, Job.state == JobState.QUEUED, _due()).limit(1)
        ordered = query.order_by(Job.created_at, Job.id).with_for_update(skip_locked=True)
        job = self._session.scalars(ordered).one_or_none()
        if job is not None:
            begun = {"state": JobState.RUNNING, "stage": Stage.STARTED, "worker": worker, "lease_until": _in(lease_s)}
            self._session.execute(update(Job).where(Job.id == job.id).values(**begun))
        return job

    def room(self, kind: str, at_once: int | None) -> int | None:
        """How many more of the kind may begin now, None for any number: those under way and published count."""
        if at_once is None:
            return None
        published = and_(Job.state == JobState.QUEUED, Job.published_at.is_not(None))
        query = select(func.count()).where(Job.kind == kind, or_(Job.state == JobState.RUNNING, published))
        return max(0, at_once - (self._session.scalar(query) or 0))

    def queue_again(self, job: Job) -> None:
        """Queue a job at once, as a new attempt, so that whatever the old one still says is ignored."""
        job.state = JobState.QUEUED
        job.stage = Stage.QUEUED
        job.attempt += 1
        job.progress = job.lease_until = job.published_at = job.worker = job.run_after = None

    def queue_anew(self, job: Job) -> None:
        """Queue a job that has ended, with all its tries before it."""
        self.queue_again(job)
        job.tries = 1
        job.error_code = job.error_detail = job.figures = None
        self._session.flush()

    def queue_later(self, job: Job, first_pause_s: float, code: ErrorCode, detail: str) -> None:
        """Queue a job for another try, after a pause that is longer with each; `code` and `detail`: why."""
        self.queue_again(job)
        self._session.flush()
        after = func.clock_timestamp() + pause(job.tries, first_pause_s)
        waiting = {"run_after": after, "tries": Job.tries + 1, "error_code": code, "error_detail": detail}
        self._session.execute(update(Job).where(Job.id == job.id).values(**waiting))

    def queue_for_model(self, model_id: str, kind: str) -> bool:
        """Queue a job in place of an earlier one that has ended; False where an open one stands in its way."""
        ended = delete(Job).where(Job.model_id == model_id, Job.kind == kind, Job.state.not_in(OPEN))
        self._session.execute(ended)
        new = upsert(Job).values(model_id=model_id, kind=kind).on_conflict_do_nothing().returning(Job.id)
        return self._session.scalar(new) is not None

    def of_model(self, model_id: str) -> dict[str, Job]:
        """The model's jobs by their kinds."""
        return {job.kind: job for job in self._session.scalars(select(Job).where(Job.model_id == model_id))}

    def is_open(self, kind: str) -> bool:
        """Whether any job of the kind is queued or running."""
        return self._session.scalar(select(Job.id).where(Job.kind == kind, Job.state.in_(OPEN)).limit(1)) is not None

    def cancel(self, kind: str) -> None:
        """Remove every open job of the kind."""
        self._session.execute(delete(Job).where(Job.kind == kind, Job.state.in_(OPEN)))

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

    def expired(self, kinds: Sequence[str], grace_s: float) -> Sequence[Job]:
        """Running jobs of the kinds whose lease ran out more than `grace_s` seconds ago, locked."""
        limit = func.clock_timestamp() - timedelta(seconds=grace_s)
        query = select(Job).where(Job.kind.in_(kinds), Job.state == JobState.RUNNING, Job.lease_until < limit)
        return self._session.scalars(query.with_for_update(skip_locked=True)).all()

    def to_publish(self, kind: str, lost_after_s: float | None, limit: int) -> Sequence[Job]:
        """Queued jobs of the kind, oldest first, clips before tracks before all else, locked.

        Those that were never published, and those published more than `lost_after_s` seconds ago, if it is not None:
        their messages must be lost.
        """
        unpublished: ColumnElement[bool] = Job.published_at.is_(None)
        if lost_after_s is not None:
            limit_at = func.clock_timestamp() - timedelta(seconds=lost_after_s)
            unpublished = or_(unpublished, Job.published_at < limit_at)
        query = select(Job).where(Job.kind == kind, Job.state == JobState.QUEUED, _due(), unpublished)
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


def _due() -> ColumnElement[bool]:
    return or_(Job.run_after.is_(None), Job.run_after <= func.clock_timestamp())


def _in(seconds: float) -> ColumnElement[datetime]:
    return func.clock_timestamp() + timedelta(seconds=seconds)
