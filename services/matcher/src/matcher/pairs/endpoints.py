"""`/pairs`: videos with their own sound, as training data."""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher import cursors
from matcher.access.scopes import Scope, needs
from matcher.assets.endpoints import UPLOAD_BODY, UPLOAD_PROBLEMS, Cursor, Limit, describe, upload
from matcher.assets.ranges import serve
from matcher.assets.repository import ListKey
from matcher.context import Context, context_of
from matcher.errors import Problem
from matcher.pairs.schemas import PairOut, PairPage
from matcher.pairs.service import PairService, state_of_pair
from matcher.tables import Job, Pair
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload

router = APIRouter(prefix="/pairs", tags=["training"], responses={404: {"model": Problem}, 422: {"model": Problem}})


@router.post(
    "", status_code=HTTPStatus.ACCEPTED, openapi_extra=UPLOAD_BODY, responses=UPLOAD_PROBLEMS, response_model=PairOut
)
@needs(Scope.WRITE, uploads=True)
async def add_pair(request: Request) -> Response:
    """Add a video with its own sound: multipart field `file`, or a raw body with `?filename=`.

    The same bytes again: the same pair. A video without sound ends as failed, with code `no_audio`.
    """
    return await upload(request, make_pair)


@router.get("")
@needs(Scope.READ)
def list_pairs(request: Request, limit: Limit = 50, cursor: Cursor = None) -> PairPage:
    """The pairs, newest first."""
    rows, total, ready, after = _service(request).page(limit, cursors.decode(ListKey, cursor))
    items = [pair_out(pair, jobs) for pair, jobs in rows]
    return PairPage(items=items, total=total, ready=ready, next_cursor=cursors.encode(after) if after else None)


@router.get("/{pair_id}")
@needs(Scope.READ)
def get_pair(request: Request, pair_id: UUID) -> PairOut:
    """One pair: what it is and how far its processing is."""
    return pair_out(*_service(request).get(pair_id))


@router.head("/{pair_id}/file", response_class=Response, include_in_schema=False)
@router.get("/{pair_id}/file", response_class=Response)
@needs(Scope.READ)
def get_pair_file(request: Request, pair_id: UUID) -> Response:
    """The uploaded bytes; byte ranges are answered."""
    pair, _ = _service(request).get(pair_id)
    return serve(request, context_of(request).store, pair)


@router.delete("/{pair_id}", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.WRITE)
def delete_pair(request: Request, pair_id: UUID) -> None:
    """Remove a pair and its file. Models that were trained on it stay as they are."""
    _service(request).delete(pair_id)


def make_pair(context: Context, received: Upload) -> Made:
    pair, jobs = PairService(context.database, context.store).add(received)
    return Made(pair_out(pair, jobs), {"Location": f"/pairs/{pair.id}"})


def pair_out(pair: Pair, jobs: Sequence[Job]) -> PairOut:
    return PairOut(**describe(pair, state_of_pair(jobs), f"/pairs/{pair.id}/file").model_dump())


def _service(request: Request) -> PairService:
    context = context_of(request)
    return PairService(context.database, context.store)
