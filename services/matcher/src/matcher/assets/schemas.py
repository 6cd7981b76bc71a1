"""What the API says of tracks and clips."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field

from matcher.errors import Failure
from matcher.uploads.fields import Text, UploadFields


class Status(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class AssetFields(UploadFields):
    """What may come with any file; longer texts are cut."""

    title: Text = Field(default="", description="The title, in place of the file's own.")
    artist: Text = Field(default="", description="The artist, in place of the file's own.")


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
