"""Every table, imported here so that the metadata is whole wherever it is needed."""

from matcher.clips.tables import Clip
from matcher.db import Base
from matcher.jobs.tables import Job
from matcher.library.tables import Track
from matcher.matches.tables import Embedding, Features
from matcher.models.tables import Model

__all__ = ["Base", "Clip", "Embedding", "Features", "Job", "Model", "Track"]
