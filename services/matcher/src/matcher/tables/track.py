from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.asset import Asset


class Track(Asset):
    """Audio in the library. `tags`: the user's own, as `library.tags` writes them."""

    __tablename__ = "tracks"
    __table_args__ = (
        Index("ix_tracks_tags", "tags", postgresql_using="gin"),
        Index("ix_tracks_duration_s", "duration_s"),
    )

    tags: Mapped[list[str]] = mapped_column(ARRAY(String), default=list, server_default="{}")
