from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from matcher.db import Base
from matcher.jobs.tables import JobState


class ModelState(StrEnum):
    """`training → ready | failed`; a bundle's metric is ready from the start."""

    TRAINING = "training"
    READY = "ready"
    FAILED = "failed"


class Model(Base):
    """A metric. At most one is `active`: it ranks. At most one is `installed`: that of the bundle the extractors run.

    A bundle's `id` names its weights, configuration and feature spaces; a trained one's is drawn at random.
    `files`: each file of the metric's folder with its SHA-256, in the media store; null where a bundle holds it.
    `summary`: what training said of itself. `previous_id`: the model that was active before this one.
    """

    __tablename__ = "models"
    __table_args__ = (
        CheckConstraint("state IN ('training', 'ready', 'failed')", name="known_state"),
        Index("uq_models_active", "active", unique=True, postgresql_where="active"),
        Index("uq_models_installed", "installed", unique=True, postgresql_where="installed"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    bundle: Mapped[str]
    untrained_backbones: Mapped[bool]
    audio_space: Mapped[str]
    video_space: Mapped[str]
    active: Mapped[bool] = mapped_column(default=False)
    installed: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default=ModelState.READY)
    seed: Mapped[int | None]
    sources: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    files: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    previous_id: Mapped[str | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)
    ready_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]


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
