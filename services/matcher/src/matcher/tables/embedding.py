"""Features by content and space, and the embeddings that a metric makes of them."""

from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base


class Embedding(Base):
    """A window of a track, or a whole clip (window 0), through the model's tower. `start_s` in seconds."""

    __tablename__ = "embeddings"
    __table_args__ = (
        CheckConstraint("num_nonnulls(track_id, clip_id) = 1", name="one_asset"),
        UniqueConstraint("track_id", "model_id", "window"),
        UniqueConstraint("clip_id", "model_id", "window"),
        Index("ix_embeddings_model", "model_id", "window", postgresql_where="track_id IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    track_id: Mapped[UUID | None] = mapped_column(ForeignKey("tracks.id", ondelete="CASCADE"))
    clip_id: Mapped[UUID | None] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    window: Mapped[int]
    start_s: Mapped[float]
    vector: Mapped[Any] = mapped_column(HALFVEC())
