"""`/videos`: the uploaded clips."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher.access.scopes import Scope, needs
from matcher.assets.ranges import serve
from matcher.clips.schemas import ClipFields, ClipOut, ClipPage
from matcher.clips.service import ClipService
from matcher.context import Context, context_of
from matcher.errors import Problem
from matcher.paging import Cursor, Limit
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload
from matcher.uploads.routes import UPLOAD_PROBLEMS, receive_upload, upload_body
from matcher.uploads.targets import UploadTarget

router = APIRouter(prefix="/videos", tags=["clips"], responses={404: {"model": Problem}, 422: {"model": Problem}})


def add_upload(context: Context, received: Upload) -> Made:
    """Make the file a clip; where its ranking will be is the answer's `Location`."""
    clip = ClipService(context).add(received)
    return Made(clip, {"Location": clip.match_url, "Retry-After": "1"})


TARGET = UploadTarget("video", ClipFields, add_upload)


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=upload_body(ClipFields),
    responses=UPLOAD_PROBLEMS,
    response_model=ClipOut,
)
@needs(Scope.WRITE, uploads=True)
async def add_clip(request: Request) -> Response:
    """Upload a clip: multipart field `file`, or a raw body with `?filename=`. `Location` is where its ranking will be.

    The same bytes again: the same clip.
    """
    return await receive_upload(request, TARGET)


@router.get("")
@needs(Scope.READ)
def list_clips(request: Request, limit: Limit = 50, cursor: Cursor = None) -> ClipPage:
    """The uploaded clips, newest first."""
    return ClipService(context_of(request)).page(limit, cursor)


@router.get("/{clip_id}")
@needs(Scope.READ)
def get_clip(request: Request, clip_id: UUID) -> ClipOut:
    """One clip: what it is and how far its processing is."""
    return ClipService(context_of(request)).get(clip_id)


@router.head("/{clip_id}/file", response_class=Response, include_in_schema=False)
@router.get("/{clip_id}/file", response_class=Response)
@needs(Scope.READ)
def get_clip_file(request: Request, clip_id: UUID) -> Response:
    """The uploaded bytes; byte ranges are answered."""
    context = context_of(request)
    return serve(request, context.store, ClipService(context).row(clip_id))


@router.delete("/{clip_id}", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.WRITE)
def delete_clip(request: Request, clip_id: UUID) -> None:
    """Remove a clip, its file and its ranking."""
    ClipService(context_of(request)).delete(clip_id)
