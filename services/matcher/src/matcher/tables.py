"""Every table, imported here so that the metadata is whole wherever it is needed."""

from matcher.access.tables import ApiKey, KeyUsage, PageSession
from matcher.choices.tables import Choice
from matcher.clips.tables import Clip
from matcher.db import Base
from matcher.idempotency.tables import IdempotencyKey
from matcher.jobs.tables import Job
from matcher.library.tables import Track
from matcher.matches.tables import Embedding, Features, Steps
from matcher.models.tables import Model, ModelJob
from matcher.pairs.tables import Pair

__all__ = [
    "ApiKey",
    "Base",
    "Choice",
    "Clip",
    "Embedding",
    "Features",
    "IdempotencyKey",
    "Job",
    "KeyUsage",
    "Model",
    "ModelJob",
    "PageSession",
    "Pair",
    "Steps",
    "Track",
]
