"""The API in this process, on a database and a media store of its own, and all its routes, to be called."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from matcher.app import create_app
from matcher.db import Database
from matcher.models.service import register
from matcher.settings import MatcherSettings
from matcher.tables import Model
from needledrop_storage.store import MediaStore
from tests.embedded import Servers

MODEL = {
    "id": "test-model",
    "kind": "va_metric2",
    "bundle": "test",
    "untrained_backbones": True,
    "audio_space": "audio-space",
    "video_space": "video-space",
}


@dataclass(frozen=True)
class Route:
    """A method and a path, its parameters filled in with ids of nothing."""

    method: str
    path: str
    template: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


@dataclass(frozen=True)
class Site:
    app: FastAPI
    settings: MatcherSettings
    database: Database
    store: MediaStore

    def routes(self) -> list[Route]:
        """Every method of every route; what is mounted stands for itself with a path below it."""
        found = []
        for route in iter_route_contexts(self.app.routes):
            template = route.path or ""
            path = re.sub(r"\{[^}]*\}", lambda _: str(uuid4()), template)
            if route.methods is None:
                found.append(Route("GET", f"{path}/js/main.js", f"{template}/…"))
            else:
                found += [Route(method, path, template) for method in sorted(route.methods)]
        return found


@contextmanager
def site_of(servers: Servers, folder: Path, **settings: object) -> Iterator[Site]:
    """With a model in use and nothing else."""
    chosen = MatcherSettings(
        database_url=SecretStr(servers.fresh_database()),
        redis_url=SecretStr(servers.valkey.url),
        media_url=(folder / "media").as_uri(),
        max_upload_bytes=100_000,
    ).model_copy(update=settings)
    database = Database(chosen.database_url.get_secret_value())
    with database.begin() as session:
        register(session, Model(**MODEL))
    yield Site(create_app(chosen), chosen, database, MediaStore(chosen.media_url))
    database.close()
