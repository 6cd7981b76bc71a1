"""`/healthz`, `/readyz` and `/about`."""

import asyncio
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from matcher import __version__
from matcher.access.scopes import Scope, needs, public
from matcher.context import context_of
from matcher.matches.schemas import ModelOut
from matcher.matches.service import describe_model
from matcher.monitoring.readiness import ReadinessChecks
from matcher.monitoring.repository import track_states
from matcher.registry.repository import active_model
from matcher.tables import JobState

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`parts` says which part is missing: `ok`, or what is wrong.

    `workers`: the same for each kind of job that is open; without workers the API still takes files, and is ready.
    """

    status: Literal["ready", "not ready"]
    parts: dict[str, str]
    workers: dict[str, str]


class TrackCounts(BaseModel):
    ready: int = 0
    queued: int = 0
    failed: int = 0


class About(BaseModel):
    """`tracks.queued` counts those being processed, too."""

    name: str = "Needledrop"
    version: str = __version__
    model: ModelOut | None
    tracks: TrackCounts


@router.get("/healthz")
@public
def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness}})
@public
async def readyz(request: Request, response: Response) -> Readiness:
    """Database, queue, media store and model are there; 503 and which is not where one is missing or hangs."""
    checks = request.app.state.readiness
    assert isinstance(checks, ReadinessChecks)
    parts, workers = await asyncio.gather(checks.parts(), checks.workers())
    ready = all(part == "ok" for part in parts.values())
    response.status_code = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(status="ready" if ready else "not ready", parts=parts, workers=workers)


@router.get("/about")
@needs(Scope.READ)
def about(request: Request) -> About:
    """What runs here: version, model in use, and how many tracks are ready."""
    with context_of(request).database.begin() as session:
        model = active_model(session)
        states = track_states(session, model)
    return About(
        model=describe_model(model) if model else None,
        tracks=TrackCounts(
            ready=states.get(JobState.DONE, 0),
            queued=states.get(JobState.QUEUED, 0) + states.get(JobState.RUNNING, 0),
            failed=states.get(JobState.FAILED, 0) + states.get(JobState.DEAD, 0),
        ),
    )
