"""The SQL of how jobs stand, for readiness and metrics."""

from dataclasses import dataclass

from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.orm import Session

from matcher.tables import OPEN, Job, JobState


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
    """By kind, of those with open jobs."""
    now = func.clock_timestamp()
    # A job that was put back is waited for from then on, and one that has to pause from when it may run.
    since = func.greatest(Job.updated_at, func.coalesce(Job.run_after, Job.updated_at))
    queued = and_(Job.state == JobState.QUEUED, or_(Job.run_after.is_(None), Job.run_after < now))
    oldest = func.max(func.extract("epoch", now - since)).filter(queued)
    working = func.bool_or(and_(Job.state == JobState.RUNNING, Job.lease_until > now))
    query = select(Job.kind, oldest, working).where(Job.state.in_(OPEN)).group_by(Job.kind)
    return {
        kind: Backlog(max(0.0, float(oldest_s or 0.0)), bool(busy)) for kind, oldest_s, busy in session.execute(query)
    }


def count_jobs(session: Session) -> list[JobCount]:
    """One count for each kind and state that there is a job in."""
    expired = and_(Job.state == JobState.RUNNING, Job.lease_until < func.clock_timestamp())
    query = select(
        Job.kind,
        Job.state,
        func.count(),
        func.coalesce(func.sum(Job.attempt - 1), literal(0)),
        func.count().filter(expired),
    ).group_by(Job.kind, Job.state)
    return [JobCount(*row) for row in session.execute(query)]
