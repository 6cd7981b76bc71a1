"""The columns that tracks and clips share."""

from datetime import datetime
from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, String, func
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base


class Asset(Base):
    """An uploaded file. `title`, `artist`: the user's own or the container's tags. Its bytes are in the media store."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    filename: Mapped[str]
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str | None]
    artist: Mapped[str | None]
    duration_s: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)

    def values(self) -> dict[str, Any]:
        """The row, by the names of its columns."""
        return {column.name: getattr(self, column.name) for column in self.__table__.columns}

    @property
    def display_title(self) -> str:
        return self.title or PurePath(self.filename).stem or self.filename
