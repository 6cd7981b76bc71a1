from datetime import datetime

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from matcher.db import Base


class Model(Base):
    """A trained metric. `id` names its weights, configuration and feature spaces; at most one is active."""

    __tablename__ = "models"
    __table_args__ = (Index("uq_models_active", "active", unique=True, postgresql_where="active"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    bundle: Mapped[str]
    untrained_backbones: Mapped[bool]
    audio_space: Mapped[str]
    video_space: Mapped[str]
    active: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
