"""Jobs as rows: the queue only carries their ids."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from matcher.tables.base import Base

SubjectColumn = InstrumentedAttribute[UUID | None]
"""The column of a job that names its subject: `Job.track_id`, `Job.clip_id`, …"""


class JobState(StrEnum):
    """`queued → running → done | failed | dead`; failed: the job can't be done; dead: given up after N attempts."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"


OPEN = (JobState.QUEUED, JobState.RUNNING)
ENDED_BADLY = (JobState.FAILED, JobState.DEAD)


class Job(Base):
    """A piece of work of some kind on one subject: a track, a clip, a pair or a model.

    `space` tells a kind's jobs on one subject apart: of an extraction, it is the feature space; of other kinds, empty.
    `attempt` counts from 1 and is carried by every message; `tries` counts those since a person last asked for it, and
    is what is limited. `run_after`: not before; `lease_until` is set while the job runs. `figures`: what the work says
    of itself on the way.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("num_nonnulls(track_id, clip_id, pair_id, model_id) = 1", name="one_subject"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'dead')", name="known_state"),
        UniqueConstraint("track_id", "kind", "space"),
        UniqueConstraint("clip_id", "kind", "space"),
        UniqueConstraint("pair_id", "kind", "space"),
        UniqueConstraint("model_id", "kind", "space"),
        Index("ix_jobs_created_at", "created_at", "id"),
        Index("ix_jobs_open", "kind", "state", "published_at", postgresql_where="state IN ('queued', 'running')"),
        # Only one model can become the active one at a time.
        Index(
            "uq_jobs_activation",
            "kind",
            unique=True,
            postgresql_where="kind = 'activate' AND state IN ('queued', 'running')",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str]
    track_id: Mapped[UUID | None] = mapped_column(ForeignKey("tracks.id", ondelete="CASCADE"))
    clip_id: Mapped[UUID | None] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    pair_id: Mapped[UUID | None] = mapped_column(ForeignKey("pairs.id", ondelete="CASCADE"))
    model_id: Mapped[str | None] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    space: Mapped[str] = mapped_column(default="", server_default="")
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
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), onupdate=func.clock_timestamp())
