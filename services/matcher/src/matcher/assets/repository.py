"""The SQL that uploaded files share. A state is always an asset's job in the feature space in use."""

from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Select, delete, func, select, text, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.jobs.repository import lock_jobs_of
from matcher.locks import LockKey
from matcher.tables import Asset, Clip, Features, Job, Pair, Track
from needledrop_storage.keys import info_key, media_key

AssetT = TypeVar("AssetT", bound=Asset)


class ListKey(BaseModel):
    """Lists run from the newest to the oldest."""

    created_at: datetime
    id: UUID


class AssetRepository(Generic[AssetT]):
    def __init__(self, session: Session, table: type[AssetT], job_column: InstrumentedAttribute[UUID | None]) -> None:
        self._session = session
        self._table = table
        self._job_column = job_column

    def get(self, asset_id: UUID, space: str | None) -> "tuple[AssetT, Job | None] | None":
        return self._one(self._with_job(space).where(self._table.id == asset_id))

    def by_hash(self, sha256: str, space: str | None) -> "tuple[AssetT, Job | None] | None":
        return self._one(self._with_job(space).where(self._table.sha256 == sha256))

    def page(self, space: str | None, limit: int, after: ListKey | None) -> "list[tuple[AssetT, Job | None]]":
        query = self._with_job(space).order_by(self._table.created_at.desc(), self._table.id.desc()).limit(limit)
        if after:
            query = query.where(tuple_(self._table.created_at, self._table.id) < (after.created_at, after.id))
        return [(asset, job) for asset, job in self._session.execute(query)]

    def count(self) -> int:
        return self._session.scalar(select(func.count()).select_from(self._table)) or 0

    def add(self, asset: AssetT, job: Job) -> None:
        self._session.add(asset)
        self._session.flush()
        setattr(job, self._job_column.key, asset.id)
        self._session.add(job)
        self._session.flush()

    def delete(self, asset_id: UUID) -> bool:
        """Delete the row and all that hangs on it; False where there was none."""
        lock_jobs_of(self._session, self._job_column, asset_id)
        gone = delete(self._table).where(self._table.id == asset_id).returning(self._table.id)
        return self._session.scalar(gone) is not None

    def _with_job(self, space: str | None) -> Select[AssetT, Job]:
        return select(self._table, Job).outerjoin(
            Job, (self._job_column == self._table.id) & (Job.space == (space or ""))
        )

    def _one(self, query: "Select[AssetT, Job]") -> "tuple[AssetT, Job | None] | None":
        row = self._session.execute(query).one_or_none()
        return (row[0], row[1]) if row else None


def lock_content(session: Session, sha256: str) -> None:
    """Until the transaction ends, nobody else adds or removes a file with these bytes."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:sha256, 0))"), {"sha256": sha256})


def may_remove(session: Session) -> bool:
    """Whether objects may be removed from the media store until the transaction ends; not while a backup is made.

    What is left then is an orphan, for `matcher collect-orphans`.
    """
    return bool(session.scalar(text(f"SELECT pg_try_advisory_xact_lock_shared({LockKey.REMOVAL})")))


def forget_features(session: Session, sha256: str) -> list[str]:
    """Where no asset has these bytes any more: forget their features; returns the media store's keys of all of it."""
    if content_in_use(session, sha256):
        return []
    features = session.scalars(delete(Features).where(Features.media_sha256 == sha256).returning(Features.key))
    return [media_key(sha256), *(key for name in features for key in (name, info_key(name)))]


def content_in_use(session: Session, sha256: str) -> bool:
    return any(session.scalar(select(table.id).where(table.sha256 == sha256)) for table in (Track, Clip, Pair))
