"""The SQL of pairs. A pair is usable in two feature spaces where both its jobs in them are done."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from matcher.assets.example import Example, SideKey
from matcher.assets.repository import ListKey
from matcher.jobs.repository import lock_jobs_of
from matcher.tables import Features, Job, JobState, Pair

Spaces = tuple[str, str]
"""Audio, video."""


class PairRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, pair_id: UUID, spaces: Spaces) -> tuple[Pair, list[Job]] | None:
        pair = self._session.get(Pair, pair_id)
        return (pair, self._jobs([pair], spaces)[pair.id]) if pair else None

    def by_hash(self, sha256: str, spaces: Spaces) -> tuple[Pair, list[Job]] | None:
        pair = self._session.scalars(select(Pair).where(Pair.sha256 == sha256)).one_or_none()
        return (pair, self._jobs([pair], spaces)[pair.id]) if pair else None

    def page(self, spaces: Spaces, limit: int, after: ListKey | None) -> list[tuple[Pair, list[Job]]]:
        query = select(Pair).order_by(Pair.created_at.desc(), Pair.id.desc()).limit(limit)
        if after:
            query = query.where(tuple_(Pair.created_at, Pair.id) < (after.created_at, after.id))
        pairs = self._session.scalars(query).all()
        jobs = self._jobs(pairs, spaces)
        return [(pair, jobs[pair.id]) for pair in pairs]

    def count(self) -> int:
        return self._session.scalar(select(func.count()).select_from(Pair)) or 0

    def usable(self, spaces: Spaces) -> list[Example]:
        """The pairs that a training can use, oldest first."""
        audio, video = aliased(Features), aliased(Features)
        query = (
            select(video.key, video.hop_s, audio.key, audio.hop_s)
            .select_from(Pair)
            .join(audio, (audio.media_sha256 == Pair.sha256) & (audio.space == spaces[0]))
            .join(video, (video.media_sha256 == Pair.sha256) & (video.space == spaces[1]))
            .where(*_done(spaces))
            .order_by(Pair.created_at, Pair.id)
        )
        rows = self._session.execute(query)
        return [Example(SideKey(row[0], row[1]), SideKey(row[2], row[3])) for row in rows]

    def count_ready(self, spaces: Spaces) -> int:
        return self._session.scalar(select(func.count()).select_from(Pair).where(*_done(spaces))) or 0

    def add(self, pair: Pair, jobs: Sequence[Job]) -> None:
        self._session.add(pair)
        self._session.flush()
        for job in jobs:
            job.pair_id = pair.id
        self._session.add_all(jobs)
        self._session.flush()

    def delete(self, pair_id: UUID) -> bool:
        """Delete the row and its jobs; False where there was none."""
        lock_jobs_of(self._session, Job.pair_id, pair_id)
        return self._session.scalar(delete(Pair).where(Pair.id == pair_id).returning(Pair.id)) is not None

    def _jobs(self, pairs: Sequence[Pair], spaces: Spaces) -> dict[UUID, list[Job]]:
        found: dict[UUID, list[Job]] = {pair.id: [] for pair in pairs}
        query = select(Job).where(Job.pair_id.in_(found), Job.space.in_(spaces)).order_by(Job.kind)
        for job in self._session.scalars(query):
            assert job.pair_id is not None
            found[job.pair_id].append(job)
        return found


def _done(spaces: Spaces) -> list[ColumnElement[bool]]:
    return [exists().where(Job.pair_id == Pair.id, Job.space == space, Job.state == JobState.DONE) for space in spaces]
