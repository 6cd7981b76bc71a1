"""`/models`: train one, follow it, read its report."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse

from matcher.access.scopes import Scope, needs
from matcher.context import context_of
from matcher.db import Database
from matcher.errors import Problem
from matcher.models.queries import get_model, progress_of
from matcher.models.schemas import ModelDetail
from matcher.training.events import stream
from matcher.training.reports import MEDIA_TYPES, ReportFile, read_report
from matcher.training.requests import train
from matcher.training.schemas import ModelIn
from matcher.uploads.idempotency.keys import IDEMPOTENCY_KEY
from matcher.uploads.idempotency.service import Made, answer, fingerprint

CONFLICT: dict[int | str, dict[str, object]] = {409: {"model": Problem}}
router = APIRouter(prefix="/models", tags=["models"], responses={404: {"model": Problem}, 422: {"model": Problem}})


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses={400: {"model": Problem}, **CONFLICT},
    response_model=ModelDetail,
    openapi_extra=IDEMPOTENCY_KEY,
)
@needs(Scope.WRITE)
def add_model(request: Request, wanted: ModelIn) -> Response:
    """Train a model on the pairs and choices that are ready. `Location` is the model; `/events` tells its progress."""

    def make(database: Database) -> Made:
        model_id = train(database, wanted)
        return Made(get_model(database, model_id), {"Location": f"/models/{model_id}"})

    return answer(request, fingerprint(wanted), make)


@router.get("/{model_id}/events", response_class=EventSourceResponse)
@needs(Scope.READ)
def get_model_events(request: Request, model_id: str) -> EventSourceResponse:
    """Server-sent events while the model is trained or activated: `progress` at each change, last `done` or `failed`.

    Each carries state, epoch, epochs, figures, error and coverage as JSON.
    """
    database = context_of(request).database
    progress_of(database, model_id)
    return stream(database, model_id)


@router.get("/{model_id}/report", response_class=Response)
@needs(Scope.READ)
def get_report(request: Request, model_id: str) -> Response:
    """The figures on pairs that were held out: JSON, or a table where `Accept` asks for `text/markdown`."""
    markdown = "text/markdown" in request.headers.get("accept", "")
    response = _file(request, model_id, "report.md" if markdown else "report.json")
    response.headers["Vary"] = "Accept"
    return response


@router.get("/{model_id}/report.md", response_class=Response)
@needs(Scope.READ)
def get_report_table(request: Request, model_id: str) -> Response:
    """The figures as a table in markdown."""
    return _file(request, model_id, "report.md")


@router.get("/{model_id}/report/{picture}.png", response_class=Response)
@needs(Scope.READ)
def get_report_picture(request: Request, model_id: str, picture: Literal["recall", "similarity"]) -> Response:
    """Recall at each rank, or how alike each picture and each sound are."""
    return _file(request, model_id, "recall.png" if picture == "recall" else "similarity.png")


def _file(request: Request, model_id: str, name: ReportFile) -> Response:
    return Response(read_report(context_of(request), model_id, name), media_type=MEDIA_TYPES[name])
