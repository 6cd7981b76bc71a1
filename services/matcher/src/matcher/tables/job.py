"""Jobs as rows: the queue only carries their ids."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base


class JobState(StrEnum):
    """`queued → running → done | failed | dead`; failed: the file can't be used; dead: given up after N attempts."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"


OPEN = (JobState.QUEUED, JobState.RUNNING)


class Job(Base):
    """The extraction and embedding of one asset's features in one feature space. A pair has a job for each side.

    `attempt` counts from 1 and is carried by every message; `tries` counts those since a person last asked for it, and
    is what is limited. `run_after`: not before; `lease_until` is set while the job runs.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("num_nonnulls(track_id, clip_id, pair_id) = 1", name="one_asset"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'dead')", name="known_state"),
        UniqueConstraint("track_id", "space"),
        UniqueConstraint("clip_id", "space"),
        UniqueConstraint("pair_id", "space"),
        Index("ix_jobs_created_at", "created_at", "id"),
        Index("ix_jobs_open", "state", "published_at", postgresql_where="state IN ('queued', 'running')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    track_id: Mapped[UUID | None] = mapped_column(ForeignKey("tracks.id", ondelete="CASCADE"))
    clip_id: Mapped[UUID | None] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    pair_id: Mapped[UUID | None] = mapped_column(ForeignKey("pairs.id", ondelete="CASCADE"))
    modality: Mapped[str]
    media_sha256: Mapped[str]
    space: Mapped[str]
    state: Mapped[str] = mapped_column(default=JobState.QUEUED)
    stage: Mapped[str] = mapped_column(default="queued")
    progress: Mapped[float | None]
    attempt: Mapped[int] = mapped_column(default=1)
    tries: Mapped[int] = mapped_column(default=1, server_default="1")
    run_after: Mapped[datetime | None]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), onupdate=func.clock_timestamp())
