from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ChoiceIn(BaseModel):
    """`start_s`: where in the track the clip begins, in seconds."""

    model_config = ConfigDict(extra="forbid")
    audio_id: UUID
    start_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class ChoiceOut(BaseModel):
    """A track taken for a clip. `rank`: its place in `model`'s ranking then, null where the clip was not ranked."""

    id: UUID
    clip_id: UUID
    audio_id: UUID
    start_s: float
    model: str | None
    rank: int | None
    created_at: datetime


class ChoiceList(BaseModel):
    items: list[ChoiceOut]
