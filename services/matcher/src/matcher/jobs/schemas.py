"""What the API says of jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from matcher.errors import Failure
from matcher.paging import Page
from matcher.tables import JobState
from needledrop.features import Modality


class JobOut(BaseModel):
    """One piece of work; one of `audio_id`, `video_id`, `pair_id`, `model_id` says on what.

    An extraction's `modality` is its kind, and `space` the feature space that it is for; null for other kinds.
    `figures`: what the work says of itself.
    `attempt` numbers every run of it, `tries` those since a person last asked for it. `error`: what ended it, or why it
    waits until `run_after` for another try.
    """

    id: UUID
    audio_id: UUID | None
    video_id: UUID | None
    pair_id: UUID | None
    model_id: str | None
    kind: str
    modality: Modality | None
    space: str | None
    state: JobState
    stage: str
    progress: float | None
    attempt: int
    tries: int
    run_after: datetime | None
    worker: str | None
    figures: dict[str, Any] | None
    error: Failure | None
    created_at: datetime
    updated_at: datetime


class JobPage(Page):
    items: list[JobOut]
