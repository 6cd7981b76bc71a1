"""Queue names, task names and the JSON bodies that travel between services.

Readers accept any body whose `schema_version` is theirs or older, and ignore fields they don't know, so that services
of neighbouring versions can run together. A field is added with a default; it is never renamed or given a new meaning.
"""

from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from needledrop.errors import ErrorCode
from needledrop.features import Modality

SCHEMA_VERSION = 1


class Queue(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"
    MATCHER = "matcher"
    TRAINING = "training"


class Task(StrEnum):
    AUDIO_EXTRACT = "audio.extract"
    VIDEO_EXTRACT = "video.extract"
    EXTRACT_PROGRESS = "matcher.progress"
    EXTRACT_DONE = "matcher.done"
    EXTRACT_FAILED = "matcher.failed"
    EXTRACT_REPEATED = "matcher.repeated"
    MODEL_TRAIN = "trainer.train"
    MODEL_EMBED = "matcher.embed"
    CANARY = "health.canary"


EXTRACT_ROUTES: dict[Modality, tuple[Task, Queue]] = {
    Modality.AUDIO: (Task.AUDIO_EXTRACT, Queue.AUDIO),
    Modality.VIDEO: (Task.VIDEO_EXTRACT, Queue.VIDEO),
}


class Message(BaseModel):
    """A body with a schema version. `dump` gives the JSON-ready dict, `read` checks one that arrived."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)

    def dump(self) -> dict[str, object]:
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, body: object) -> Self:
        """`pydantic.ValidationError` where the body is malformed or of a newer schema."""
        return cls.model_validate(body)


class JobMessage(Message):
    """Names the job and the attempt it speaks of; a message of an attempt that has been replaced is ignored."""

    job_id: UUID
    attempt: int = Field(ge=1)


class ExtractRequest(JobMessage):
    """Extract one file's features. `space` is the feature space the answer must be in."""

    modality: Modality
    media_key: str
    media_sha256: str
    space: str


class Stage(StrEnum):
    """What the user is told a job is doing."""

    QUEUED = "queued"
    STARTED = "started"
    EXTRACTING = "extracting"
    EMBEDDING = "embedding"
    READY = "ready"


class ExtractProgress(JobMessage):
    """Claims the job (`started`) or renews its lease. `progress` runs from 0 to 1, None where the length is unknown."""

    stage: Stage
    progress: float | None = Field(default=None, ge=0, le=1)
    worker: str = ""


class MediaInfo(BaseModel):
    """What the extractor learned of the file on the way. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    duration_s: float
    title: str | None = None
    artist: str | None = None
    width: int | None = None
    height: int | None = None


class ExtractDone(JobMessage):
    """The features are in the media store under `features_key`."""

    space: str
    features_key: str
    rows: int = Field(ge=1)
    hop_s: float = Field(gt=0)
    media: MediaInfo


class ExtractFailed(JobMessage):
    """The attempt failed. `retryable` is False where the same file would fail again."""

    code: ErrorCode
    detail: str
    retryable: bool = False


class ExtractRepeated(JobMessage):
    """The attempt's message was delivered again: whoever had it before may be gone, or may still be at it."""


class ModelTask(JobMessage):
    """Train a model, or do a turn of embedding the library with one. All else stands in the job's row."""


REPLIES: dict[type[JobMessage], Task] = {
    ExtractProgress: Task.EXTRACT_PROGRESS,
    ExtractDone: Task.EXTRACT_DONE,
    ExtractFailed: Task.EXTRACT_FAILED,
    ExtractRepeated: Task.EXTRACT_REPEATED,
}
