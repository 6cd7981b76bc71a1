from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base
from matcher.tables.job import JobState


class ModelJobKind(StrEnum):
    TRAIN = "train"
    ACTIVATE = "activate"


class ModelJob(Base):
    """The training of a model, or its activation: embedding the library with it, then the switch.

    States, attempts and leases are those of `Job`. Only one activation is open at a time. `figures`: the last epoch's.
    """

    __tablename__ = "model_jobs"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'dead')", name="known_state"),
        CheckConstraint("kind IN ('train', 'activate')", name="known_kind"),
        UniqueConstraint("model_id", "kind"),
        Index(
            "uq_model_jobs_activation",
            "kind",
            unique=True,
            postgresql_where="kind = 'activate' AND state IN ('queued', 'running')",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default=JobState.QUEUED)
    attempt: Mapped[int] = mapped_column(default=1)
    epoch: Mapped[int | None]
    epochs: Mapped[int | None]
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    run_after: Mapped[datetime | None]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), onupdate=func.clock_timestamp())
