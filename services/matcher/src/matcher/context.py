"""What a request needs of its application: settings, database, media store."""

from dataclasses import dataclass, field
from pathlib import Path

import anyio
from fastapi import Request

from matcher.db import Database
from matcher.resources import Resources
from matcher.settings import MatcherSettings
from needledrop_storage.store import MediaStore

DISK_WRITERS = 8
"""Uploads that are written to the disk at once; others wait, without holding up requests of other kinds."""


@dataclass(frozen=True)
class Context:
    settings: MatcherSettings
    database: Database
    store: MediaStore
    disk: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(DISK_WRITERS))

    @property
    def resources(self) -> Resources:
        return Resources(self.settings, self.database, self.store)

    @property
    def uploads(self) -> Path:
        """The folder of uploads under way."""
        return self.settings.uploads_dir or self.store.staging


def context_of(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)
    return context
