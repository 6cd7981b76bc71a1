from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base


class Choice(Base):
    """A track taken for a clip, from `start_s` seconds on; `rank` is its place in `model_id`'s ranking at that time."""

    __tablename__ = "choices"
    __table_args__ = (UniqueConstraint("clip_id", "track_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    clip_id: Mapped[UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    track_id: Mapped[UUID] = mapped_column(ForeignKey("tracks.id", ondelete="CASCADE"))
    start_s: Mapped[float]
    model_id: Mapped[str | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    rank: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
