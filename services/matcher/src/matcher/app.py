"""The REST API and the page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from matcher import __version__, health
from matcher.choices import endpoints as choices
from matcher.clips import endpoints as clips
from matcher.context import Context
from matcher.db import Database
from matcher.errors import install_error_handlers
from matcher.jobs import endpoints as jobs
from matcher.library import endpoints as library
from matcher.matches import endpoints as matches
from matcher.models import endpoints as models
from matcher.pairs import endpoints as pairs
from matcher.settings import MatcherSettings
from needledrop.storage import MediaStore

WEB = Path(__file__).parent / "web"
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data: blob:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def create_app(settings: MatcherSettings) -> FastAPI:
    """The application; connects to the database when the first request needs it."""
    database = Database(settings.database_url.get_secret_value())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        database.close()

    app = FastAPI(
        title="Needledrop",
        version=__version__,
        summary="Ranks the tracks of your own audio library by how well they go with a silent clip.",
        lifespan=lifespan,
    )
    app.state.context = Context(settings, database, MediaStore(settings.media_url, settings.scratch))
    install_error_handlers(app)
    for module in (library, clips, matches, choices, pairs, models, jobs, health):
        app.include_router(module.router)
    _serve_page(app)
    return app


def _serve_page(app: FastAPI) -> None:
    app.mount("/web", StaticFiles(directory=WEB), name="web")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(WEB / "index.html", media_type="text/html", headers=SECURITY_HEADERS)

    @app.middleware("http")
    async def revalidate_assets(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        if request.url.path.startswith("/web/"):
            response.headers["Cache-Control"] = "no-cache"
        return response
