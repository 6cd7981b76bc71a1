"""What a request needs of its application: settings, database, media store."""

from dataclasses import dataclass

from fastapi import Request

from matcher.db import Database
from matcher.settings import MatcherSettings
from needledrop.storage import MediaStore


@dataclass(frozen=True)
class Context:
    settings: MatcherSettings
    database: Database
    store: MediaStore


def context_of(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)
    return context
