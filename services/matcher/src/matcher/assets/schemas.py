"""What the API says of tracks and clips."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel


class Status(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Failure(BaseModel):
    """Why a file can't be used: a stable code (docs/api.md) and a sentence."""

    code: str
    detail: str


class AssetState(BaseModel):
    """How far a file is. `progress` runs from 0 to 1 within the stage, null where it is not known."""

    status: Status
    stage: str
    progress: float | None
    error: Failure | None


class AssetOut(AssetState):
    """An uploaded file. `duration_s` is null until the file has been decoded."""

    id: UUID
    title: str
    artist: str | None
    filename: str
    media_type: str
    bytes: int
    sha256: str
    duration_s: float | None
    url: str
    created_at: datetime


class Page(BaseModel):
    """`next_cursor` is null on the last page."""

    total: int
    next_cursor: str | None
