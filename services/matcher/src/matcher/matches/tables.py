"""Features by content and space, and the embeddings that a metric makes of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from matcher.db import Base


class Features(Base):
    """A feature matrix in the media store: immutable, keyed by the file's SHA-256 and the feature space.

    `sha256`: of the matrix as it is stored; null where it was stored before that was kept.
    """

    __tablename__ = "features"

    media_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    space: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    rows: Mapped[int]
    hop_s: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    sha256: Mapped[str | None] = mapped_column(String(64))


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


class Steps(Base):
    """A track's or clip's embeddings second by second, by which a clip is laid along a track.

    `vectors`: float16, little-endian, [`rows`, `dim`] in C order, one row every `hop_s` seconds.
    """

    __tablename__ = "sequences"
    __table_args__ = (
        CheckConstraint("num_nonnulls(track_id, clip_id) = 1", name="one_asset"),
        CheckConstraint("length(vectors) = 2 * rows * dim", name="whole"),
        UniqueConstraint("track_id", "model_id"),
        UniqueConstraint("clip_id", "model_id"),
        Index("ix_sequences_model_id", "model_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    track_id: Mapped[UUID | None] = mapped_column(ForeignKey("tracks.id", ondelete="CASCADE"))
    clip_id: Mapped[UUID | None] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    hop_s: Mapped[float]
    rows: Mapped[int]
    dim: Mapped[int]
    vectors: Mapped[bytes]
