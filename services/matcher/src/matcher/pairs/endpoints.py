"""`/pairs`: videos with their own sound, as training data."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher.access.scopes import Scope, needs
from matcher.assets.ranges import serve
from matcher.context import Context, context_of
from matcher.errors import Problem
from matcher.paging import Cursor, Limit
from matcher.pairs.schemas import PairFields, PairOut, PairPage
from matcher.pairs.service import PairService
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload
from matcher.uploads.routes import UPLOAD_PROBLEMS, receive_upload, upload_body
from matcher.uploads.targets import UploadTarget

router = APIRouter(prefix="/pairs", tags=["training"], responses={404: {"model": Problem}, 422: {"model": Problem}})


def add_upload(context: Context, received: Upload) -> Made:
    """Make the file a pair."""
    pair = PairService(context).add(received)
    return Made(pair, {"Location": f"/pairs/{pair.id}"})


TARGET = UploadTarget("pair", PairFields, add_upload)


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=upload_body(PairFields),
    responses=UPLOAD_PROBLEMS,
    response_model=PairOut,
)
@needs(Scope.WRITE, uploads=True)
async def add_pair(request: Request) -> Response:
    """Add a video with its own sound: multipart field `file`, or a raw body with `?filename=`.

    The same bytes again: the same pair. A video without sound ends as failed, with code `no_audio`.
    """
    return await receive_upload(request, TARGET)


@router.get("")
@needs(Scope.READ)
def list_pairs(request: Request, limit: Limit = 50, cursor: Cursor = None) -> PairPage:
    """The pairs, newest first."""
    return PairService(context_of(request)).page(limit, cursor)


@router.get("/{pair_id}")
@needs(Scope.READ)
def get_pair(request: Request, pair_id: UUID) -> PairOut:
    """One pair: what it is and how far its processing is."""
    return PairService(context_of(request)).get(pair_id)


@router.head("/{pair_id}/file", response_class=Response, include_in_schema=False)
@router.get("/{pair_id}/file", response_class=Response)
@needs(Scope.READ)
def get_pair_file(request: Request, pair_id: UUID) -> Response:
    """The uploaded bytes; byte ranges are answered."""
    context = context_of(request)
    return serve(request, context.store, PairService(context).row(pair_id))


@router.delete("/{pair_id}", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.WRITE)
def delete_pair(request: Request, pair_id: UUID) -> None:
    """Remove a pair and its file. Models that were trained on it stay as they are."""
    PairService(context_of(request)).delete(pair_id)
