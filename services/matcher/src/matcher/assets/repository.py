"""The SQL that uploaded files share. A state is always an asset's job in the feature space in use."""

from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Select, delete, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.jobs.repository import lock_jobs_of
from matcher.tables import Asset, Job

AssetT = TypeVar("AssetT", bound=Asset)


class ListKey(BaseModel):
    """Lists run from the newest to the oldest."""

    created_at: datetime
    id: UUID

    @classmethod
    def of(cls, asset: Asset) -> "ListKey":
        return cls(created_at=asset.created_at, id=asset.id)


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
