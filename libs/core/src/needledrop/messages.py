"""The JSON bodies that travel between the matcher and the workers of its queues, and the names of their tasks.

A message carries a job's kind and a payload; only the two who share a kind know what the payload says. Readers accept
any body whose `schema_version` is theirs or older, and ignore fields that they don't know, so that services of
neighbouring versions can run together. A field is added with a default; it is never renamed or given a new meaning.
"""

from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from needledrop.errors import ErrorCode
from needledrop.features import Modality

SCHEMA_VERSION = 2
OLDEST_SCHEMA = 2
"""Version 1 had a message of its own for each kind of job. It was never released."""
REPLY_QUEUE = "matcher"
"""Where workers answer. The queue that brings a kind's jobs is the kind's own."""

Payload = dict[str, Any]


class Task(StrEnum):
    JOB = "job.run"
    JOB_PROGRESS = "job.progress"
    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"
    JOB_REPEATED = "job.repeated"
    CANARY = "health.canary"


class Message(BaseModel):
    """A body with a schema version. `dump` gives the JSON-ready dict, `read` checks one that arrived."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    schema_version: int = Field(default=SCHEMA_VERSION, ge=OLDEST_SCHEMA, le=SCHEMA_VERSION)

    def dump(self) -> Payload:
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, body: object) -> Self:
        """`pydantic.ValidationError` where the body is malformed or of a newer schema."""
        return cls.model_validate(body)


class JobMessage(Message):
    """Names the job and the attempt it speaks of; a message of an attempt that has been replaced is ignored."""

    job_id: UUID
    attempt: int = Field(ge=1)


class JobRequest(JobMessage):
    """Do one attempt of a job. `payload`: what the kind's worker needs beyond that."""

    kind: str
    payload: Payload = Field(default_factory=dict)


class Stage(StrEnum):
    """What the user is told a job is doing. `working` and `finishing` are those of kinds without their own."""

    QUEUED = "queued"
    STARTED = "started"
    WORKING = "working"
    EXTRACTING = "extracting"
    EMBEDDING = "embedding"
    TRAINING = "training"
    FINISHING = "finishing"
    READY = "ready"


class JobProgress(JobMessage):
    """Claims the job (`started`) or renews its lease. `progress` runs from 0 to 1, None where the length is unknown."""

    stage: Stage
    progress: float | None = Field(default=None, ge=0, le=1)
    worker: str = ""


class JobDone(JobMessage):
    """The attempt's work is done. `result`: what the end of the kind makes use of."""

    kind: str
    result: Payload = Field(default_factory=dict)


class JobFailed(JobMessage):
    """The attempt failed. `retryable` is False where the same job would fail again."""

    code: ErrorCode
    detail: str
    retryable: bool = False


class JobRepeated(JobMessage):
    """The attempt's message was delivered again: whoever had it before may be gone, or may still be at it."""


REPLIES: dict[type[JobMessage], Task] = {
    JobProgress: Task.JOB_PROGRESS,
    JobDone: Task.JOB_DONE,
    JobFailed: Task.JOB_FAILED,
    JobRepeated: Task.JOB_REPEATED,
}


class MediaInfo(BaseModel):
    """What the extractor learned of the file on the way. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    duration_s: float
    title: str | None = None
    artist: str | None = None
    width: int | None = None
    height: int | None = None


class ExtractPayload(BaseModel):
    """Extract one file's features. `space` is the feature space that the answer must be in."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    modality: Modality
    media_key: str
    media_sha256: str
    space: str


class ExtractResult(BaseModel):
    """The features are in the media store under `features_key`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    space: str
    features_key: str
    rows: int = Field(ge=1)
    hop_s: float = Field(gt=0)
    media: MediaInfo
