"""The SQL of how the system stands, for readiness and metrics."""

from dataclasses import dataclass

from sqlalchemy import and_, func, literal, or_, select, text
from sqlalchemy.orm import Session

from matcher.tables import OPEN, Asset, Clip, Job, JobState, Model, Pair, Track

ASSETS: dict[str, type[Asset]] = {"track": Track, "clip": Clip, "pair": Pair}


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


def asset_sizes(session: Session) -> dict[str, tuple[int, int]]:
    """By kind of asset: how many there are, and their bytes."""
    return {kind: _size(session, table) for kind, table in ASSETS.items()}


def track_states(session: Session, model: Model | None) -> dict[str, int]:
    """How many tracks' extractions are in each state: those for the model's space, all of them without one."""
    query = select(Job.state, func.count()).where(Job.track_id.is_not(None)).group_by(Job.state)
    query = query.where(Job.space == model.audio_space) if model else query
    return {state: count for state, count in session.execute(query)}  # noqa: C416


def give_up_after(session: Session, seconds: float) -> None:
    """End each of this transaction's statements that takes longer."""
    session.execute(text(f"SET LOCAL statement_timeout = '{seconds:g}s'"))


def _size(session: Session, table: type[Asset]) -> tuple[int, int]:
    count, size = session.execute(select(func.count(), func.coalesce(func.sum(table.bytes), 0))).one()
    return int(count), int(size)
