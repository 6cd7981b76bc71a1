from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base


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
