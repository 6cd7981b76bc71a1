from datetime import datetime

from sqlalchemy import String, func
from sqlalchemy.orm import Mapped, mapped_column

from matcher.tables.base import Base


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
