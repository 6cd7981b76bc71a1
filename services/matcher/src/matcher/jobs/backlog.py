"""The SQL of how jobs stand, for readiness and metrics."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from matcher.tables import OPEN, Job, JobState, ModelJob


@dataclass(frozen=True)
class Backlog:
    """`oldest_s`: for how long the oldest job that may run now has waited; `working`: one of its kind is being done."""

    oldest_s: float
    working: bool


@dataclass(frozen=True)
class JobCount:
    """`again`: attempts beyond each job's first. `expired`: running jobs whose worker has gone silent."""

    kind: str
    state: str
    jobs: int
    again: int
    expired: int


def waiting_since(session: Session) -> dict[str, Backlog]:
    """By kind: `audio`, `video`, and those of models."""
    found: dict[str, Backlog] = {}
    for kind, oldest_s, working in session.execute(union_all(_waiting(Job), _waiting(ModelJob))):
        found[kind] = Backlog(max(0.0, float(oldest_s or 0.0)), bool(working))
    return found


def count_jobs(session: Session) -> list[JobCount]:
    """One count for each kind and state that there is a job in."""
    return [JobCount(*row) for row in session.execute(union_all(_counts(Job), _counts(ModelJob)))]


def _waiting(table: type[Job] | type[ModelJob]) -> Select[str, float, bool]:
    now = func.clock_timestamp()
    # A job that was put back is waited for from then on, and one that has to pause from when it may run.
    since = func.greatest(table.updated_at, func.coalesce(table.run_after, table.updated_at))
    queued = and_(table.state == JobState.QUEUED, or_(table.run_after.is_(None), table.run_after < now))
    kind = _kind(table)
    oldest = func.max(func.extract("epoch", now - since)).filter(queued)
    working = func.bool_or(and_(table.state == JobState.RUNNING, table.lease_until > now))
    return select(kind, oldest, working).where(table.state.in_(OPEN)).group_by(kind)


def _counts(table: type[Job] | type[ModelJob]) -> Select[str, str, int, int, int]:
    expired = and_(table.state == JobState.RUNNING, table.lease_until < func.clock_timestamp())
    return select(
        _kind(table),
        table.state,
        func.count(),
        func.coalesce(func.sum(table.attempt - 1), literal(0)),
        func.count().filter(expired),
    ).group_by(_kind(table), table.state)


def _kind(table: type[Job] | type[ModelJob]) -> ColumnElement[str]:
    return Job.modality.expression if table is Job else ModelJob.kind.expression
