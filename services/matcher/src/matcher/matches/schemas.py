"""The answer of a match."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class Pending(BaseModel):
    """The clip is not ready yet. `progress` runs from 0 to 1 within the stage, null where it is not known."""

    clip_id: UUID
    status: Literal["queued", "processing"]
    stage: str
    progress: float | None


class ModelOut(BaseModel):
    id: str
    kind: str
    bundle: str
    untrained_backbones: bool


class MatchedTrack(BaseModel):
    id: UUID
    title: str
    artist: str | None
    duration_s: float | None
    tags: list[str]
    url: str


class Result(BaseModel):
    """`distance` is the metric's, smaller is better; `score` is 1 / (1 + distance). `start_s` in seconds."""

    rank: int = Field(ge=1)
    score: float = Field(ge=0, le=1)
    distance: float = Field(ge=0)
    start_s: float = Field(ge=0)
    audio: MatchedTrack


class Ranking(BaseModel):
    """Every ready track that passes the filters, best first; `total` counts all of them, on large libraries as of the
    last minute. `next_cursor` is null on the last page."""

    clip_id: UUID
    status: Literal["done"] = "done"
    model: ModelOut
    total: int
    results: list[Result]
    next_cursor: str | None


class Similar(BaseModel):
    """The tracks nearest to another, best first; `start_s` is where the nearest window of each begins."""

    audio_id: UUID
    model: ModelOut
    results: list[Result]
