"""What the API says of jobs."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from matcher.assets.schemas import Failure, Page
from matcher.tables import JobState
from needledrop.features import Modality


class JobOut(BaseModel):
    """One file's extraction in one feature space; one of `audio_id`, `video_id`, `pair_id` says which file.

    `attempt` numbers every run of it, `tries` those since a person last asked for it. `error`: what ended it, or why it
    waits until `run_after` for another try.
    """

    id: UUID
    audio_id: UUID | None
    video_id: UUID | None
    pair_id: UUID | None
    modality: Modality
    space: str
    state: JobState
    stage: str
    progress: float | None
    attempt: int
    tries: int
    run_after: datetime | None
    worker: str | None
    error: Failure | None
    created_at: datetime
    updated_at: datetime


class JobPage(Page):
    items: list[JobOut]
