from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base


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
