"""The SQL of models' jobs: trainings and activations. As with `Job`, a change names the attempt that it is for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from matcher.jobs.backoff import pause
from matcher.tables import OPEN, JobState, ModelJob, ModelJobKind


class ModelJobRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def queue(self, model_id: str, kind: ModelJobKind) -> bool:
        """Queue a job in place of an earlier one that has ended; False where one stands in its way.

        In its way is an open one of the same model, or for an activation an open one of any model.
        """
        ended = delete(ModelJob).where(ModelJob.model_id == model_id, ModelJob.kind == kind)
        self._session.execute(ended.where(ModelJob.state.not_in(OPEN)))
        values = {"model_id": model_id, "kind": kind}
        new = upsert(ModelJob).values(**values).on_conflict_do_nothing().returning(ModelJob.id)
        return self._session.scalar(new) is not None

    def of_model(self, model_id: str) -> dict[ModelJobKind, ModelJob]:
        query = select(ModelJob).where(ModelJob.model_id == model_id)
        return {ModelJobKind(job.kind): job for job in self._session.scalars(query)}

    def claim(self, job_id: UUID, attempt: int, worker: str, lease_s: float) -> ModelJob | None:
        """Start the attempt; None where the message is stale or another worker has started it."""
        query = select(ModelJob).where(ModelJob.id == job_id, ModelJob.attempt == attempt)
        job = self._session.scalars(query.where(ModelJob.state == JobState.QUEUED).with_for_update()).one_or_none()
        if job:
            self._session.execute(
                update(ModelJob)
                .where(ModelJob.id == job_id)
                .values(state=JobState.RUNNING, worker=worker, lease_until=_lease(lease_s))
            )
        return job

    def renew(self, job_id: UUID, attempt: int, lease_s: float, **progress: Any) -> bool:
        """Renew the lease, with an epoch's figures where given; False where the job is no longer this attempt's."""
        mine = update(ModelJob).where(ModelJob.id == job_id, ModelJob.attempt == attempt)
        renewed = mine.where(ModelJob.state == JobState.RUNNING).values(lease_until=_lease(lease_s), **progress)
        return self._session.scalar(renewed.returning(ModelJob.id)) is not None

    def lock(self, job_id: UUID, attempt: int) -> ModelJob | None:
        """The running job, locked until the transaction ends; None where it is gone or no longer this attempt's."""
        query = select(ModelJob).where(ModelJob.id == job_id, ModelJob.attempt == attempt)
        return self._session.scalars(query.where(ModelJob.state == JobState.RUNNING).with_for_update()).one_or_none()

    def expired(self) -> Sequence[ModelJob]:
        """Running jobs whose lease ran out, locked."""
        query = select(ModelJob).where(ModelJob.state == JobState.RUNNING)
        late = query.where(ModelJob.lease_until < func.clock_timestamp())
        return self._session.scalars(late.with_for_update(skip_locked=True)).all()

    def to_publish(self, kind: ModelJobKind, idle: bool, republish_s: float) -> ModelJob | None:
        """The oldest queued job of the kind that is to be published now, locked. One training runs at a time.

        `idle`: its queue is empty, so that a job published more than `republish_s` seconds ago has lost its message.
        """
        other = aliased(ModelJob)
        busy = exists().where(
            other.kind == kind,
            or_(other.state == JobState.RUNNING, and_(other.state == JobState.QUEUED, other.published_at.is_not(None))),
            other.id != ModelJob.id,
        )
        lost = ModelJob.published_at < func.clock_timestamp() - timedelta(seconds=republish_s)
        due = or_(ModelJob.published_at.is_(None), lost) if idle else ModelJob.published_at.is_(None)
        ripe = or_(ModelJob.run_after.is_(None), ModelJob.run_after <= func.clock_timestamp())
        query = select(ModelJob).where(ModelJob.kind == kind, ModelJob.state == JobState.QUEUED, due, ripe, ~busy)
        ordered = query.order_by(ModelJob.created_at, ModelJob.id).limit(1)
        return self._session.scalars(ordered.with_for_update(skip_locked=True)).one_or_none()

    def mark_published(self, job: ModelJob) -> None:
        now = func.clock_timestamp()
        self._session.execute(update(ModelJob).where(ModelJob.id == job.id).values(published_at=now))


def put_back(job: ModelJob, first_pause_s: float) -> None:
    """Queue a locked job for later, as a new attempt, so that whatever the old one still does is ignored."""
    job.run_after = datetime.now(UTC) + pause(job.attempt, first_pause_s)
    job.state = JobState.QUEUED
    job.attempt += 1
    job.lease_until = job.published_at = job.worker = None


def end_model_job(job: ModelJob, state: JobState, code: str | None = None, detail: str | None = None) -> None:
    """Put a locked job into a final state."""
    job.state = state
    job.lease_until = None
    job.error_code, job.error_detail = code, detail


def _lease(lease_s: float) -> Any:
    return func.clock_timestamp() + timedelta(seconds=lease_s)
