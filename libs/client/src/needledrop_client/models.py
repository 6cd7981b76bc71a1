"""The API's answers. Fields that a newer server adds are ignored. Times in seconds, sizes in bytes."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["queued", "processing", "ready", "failed"]


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Failure(Answer):
    """Why a file can't be used."""

    code: str
    detail: str


class Media(Answer):
    """An uploaded file and how far the work on it has come. `progress` runs from 0 to 1, None where it is unknown."""

    id: str
    title: str | None = None
    artist: str | None = None
    filename: str
    media_type: str
    bytes: int
    sha256: str
    duration_s: float | None = None
    status: Status
    stage: str
    progress: float | None = None
    error: Failure | None = None
    url: str
    created_at: datetime

    @property
    def name(self) -> str:
        """The title, or the file's name where there is none."""
        return self.title or self.filename


class Track(Media):
    """Audio in the library."""


class Clip(Media):
    """An uploaded video."""

    match_url: str


class Model(Answer):
    """The metric that ranks."""

    id: str
    kind: str
    bundle: str
    untrained_backbones: bool


class MatchedAudio(Answer):
    """The track of a result."""

    id: str
    title: str | None = None
    artist: str | None = None
    duration_s: float | None = None
    url: str


class MatchResult(Answer):
    """A track's place in a clip's ranking. `start_s`: where in the track to start."""

    rank: int
    score: float
    distance: float
    start_s: float
    audio: MatchedAudio


class Pending(Answer):
    """The clip is not ranked yet."""

    clip_id: str
    status: Literal["queued", "processing"]
    stage: str
    progress: float | None = None


class Match(Answer):
    """A clip's ranking, or a page of it; `total` counts all results."""

    clip_id: str
    status: Literal["done"]
    model: Model
    total: int
    results: list[MatchResult]
    next_cursor: str | None = None


class TrackPage(Answer):
    items: list[Track]
    total: int
    next_cursor: str | None = None


class ClipPage(Answer):
    items: list[Clip]
    total: int
    next_cursor: str | None = None


class TrackCounts(Answer):
    ready: int
    queued: int
    failed: int


class About(Answer):
    """What runs there."""

    name: str
    version: str
    model: Model | None = None
    tracks: TrackCounts
