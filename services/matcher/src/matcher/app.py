"""The REST API and the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from matcher import __version__
from matcher.access import endpoints as access
from matcher.access.gate import Gate
from matcher.access.guard import Guard
from matcher.access.hosts import host_gateway
from matcher.access.rules import RuleTable
from matcher.access.scopes import PUBLIC, Rule, Scope, needs, public
from matcher.bodies import BodyGuard
from matcher.choices import endpoints as choices
from matcher.clips import endpoints as clips
from matcher.context import Context
from matcher.db import Database
from matcher.errors import install_error_handlers
from matcher.housekeeping import keep_house
from matcher.jobs import endpoints as jobs
from matcher.jobs.kind import JobKinds
from matcher.kinds import KINDS
from matcher.library import endpoints as library
from matcher.matches import endpoints as matches
from matcher.matches.count_cache import CountCache
from matcher.models import endpoints as models
from matcher.monitoring import endpoints as health
from matcher.monitoring import metrics
from matcher.monitoring.metrics import Measured, Metrics
from matcher.monitoring.readiness import ReadinessChecks
from matcher.monitoring.state import StateReader
from matcher.openapi import install_openapi
from matcher.pairs import endpoints as pairs
from matcher.settings import MatcherSettings
from matcher.training import endpoints as training
from matcher.uploads.resumable import endpoints as resumable
from needledrop_storage.store import MediaStore

WEB = Path(__file__).parent / "web"
SWAGGER_UI = ("fastapi_offline", "static")
"""The package and folder of Swagger UI's files, which the framework would have browsers load from elsewhere."""
# What can't carry a declaration: the page's files are public, the framework's document about the API is not.
UNMARKED = {"/web": PUBLIC, "/openapi.json": Rule(Scope.READ)}
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data: blob:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def create_app(settings: MatcherSettings, kinds: JobKinds = KINDS) -> FastAPI:
    """The application; connects to the database when the first request needs it."""
    database = Database(settings.database_url.get_secret_value())
    context = Context(settings, database, MediaStore(settings.media_url, settings.scratch))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_house, context)
            yield
            tasks.cancel_scope.cancel()
        database.close()

    app = FastAPI(
        title="Needledrop",
        version=__version__,
        summary="Ranks the tracks of your own audio library by how well they go with a silent clip.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    measured = Metrics.make(StateReader(context, kinds))
    app.state.upload_targets = {target.kind: target for target in (library.TARGET, clips.TARGET, pairs.TARGET)}
    app.state.count_cache = CountCache()
    app.state.context, app.state.readiness, app.state.metrics = context, ReadinessChecks(context), measured
    app.state.kinds = kinds
    install_error_handlers(app)
    for module in (library, clips, matches, choices, pairs, resumable, training, models, jobs, access, health, metrics):
        app.include_router(module.router)
    _serve_page(app)
    rules = RuleTable(app.routes, UNMARKED)
    install_openapi(app, rules)
    app.add_middleware(Gate, rules=rules, guard=Guard(settings, database, host_gateway(settings)))
    # Outermost, so that whatever refuses a request does so before its body is read.
    app.add_middleware(BodyGuard, idle_s=settings.upload_idle_s, least_rate=settings.upload_least_rate)
    app.add_middleware(Measured, metrics=measured)
    return app


class _Revalidated(StaticFiles):
    """The page's files: asked for anew each time, so that a new version is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _serve_page(app: FastAPI) -> None:
    app.mount("/web", _Revalidated(directory=WEB, packages=[SWAGGER_UI]), name="web")

    @app.get("/", include_in_schema=False)
    @public
    def page() -> FileResponse:
        return FileResponse(WEB / "index.html", media_type="text/html", headers=SECURITY_HEADERS)

    @app.get("/docs", include_in_schema=False)
    @needs(Scope.READ)
    def docs() -> FileResponse:
        return FileResponse(WEB / "docs.html", media_type="text/html", headers=SECURITY_HEADERS)
