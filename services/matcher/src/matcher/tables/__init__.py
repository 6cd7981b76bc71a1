"""Every table, one file each. Importing the package makes the metadata whole."""

from matcher.tables.api_key import ApiKey
from matcher.tables.asset import Asset
from matcher.tables.base import Base
from matcher.tables.choice import Choice
from matcher.tables.clip import Clip
from matcher.tables.embedding import Embedding
from matcher.tables.features import Features
from matcher.tables.idempotency_key import IdempotencyKey
from matcher.tables.job import ENDED_BADLY, OPEN, Job, JobState, SubjectColumn
from matcher.tables.key_usage import KeyUsage
from matcher.tables.model import Model, ModelState
from matcher.tables.page_session import PageSession
from matcher.tables.pair import Pair
from matcher.tables.steps import Steps
from matcher.tables.track import Track

__all__ = [
    "ENDED_BADLY",
    "OPEN",
    "ApiKey",
    "Asset",
    "Base",
    "Choice",
    "Clip",
    "Embedding",
    "Features",
    "IdempotencyKey",
    "Job",
    "JobState",
    "KeyUsage",
    "Model",
    "ModelState",
    "PageSession",
    "Pair",
    "Steps",
    "SubjectColumn",
    "Track",
]
