"""What a process of the matcher works with."""

from dataclasses import dataclass

from matcher.db import Database
from matcher.settings import MatcherSettings
from needledrop_storage.store import MediaStore


@dataclass(frozen=True)
class Resources:
    settings: MatcherSettings
    database: Database
    store: MediaStore

    @classmethod
    def open(cls, settings: MatcherSettings) -> "Resources":
        """Connections are made when they are first needed."""
        database = Database(settings.database_url.get_secret_value())
        return cls(settings, database, MediaStore(settings.media_url, settings.scratch))
