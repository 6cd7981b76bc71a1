"""`/audio`: the audio library."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher.access.scopes import Scope, needs
from matcher.assets.ranges import serve
from matcher.context import Context, context_of
from matcher.errors import Problem
from matcher.library.schemas import TrackChange, TrackFields, TrackOut, TrackPage
from matcher.library.service import TrackService
from matcher.paging import Cursor, Limit
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload
from matcher.uploads.routes import UPLOAD_PROBLEMS, receive_upload, upload_body
from matcher.uploads.targets import UploadTarget

router = APIRouter(prefix="/audio", tags=["library"], responses={404: {"model": Problem}, 422: {"model": Problem}})


def add_upload(context: Context, received: Upload) -> Made:
    """Make the file a track."""
    track = TrackService(context).add(received)
    return Made(track, {"Location": f"/audio/{track.id}"})


TARGET = UploadTarget("audio", TrackFields, add_upload)


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=upload_body(TrackFields),
    responses=UPLOAD_PROBLEMS,
    response_model=TrackOut,
)
@needs(Scope.WRITE, uploads=True)
async def add_track(request: Request) -> Response:
    """Add a track: multipart field `file`, or a raw body with `?filename=`. The same bytes again: the same track."""
    return await receive_upload(request, TARGET)


@router.get("")
@needs(Scope.READ)
def list_tracks(request: Request, limit: Limit = 50, cursor: Cursor = None) -> TrackPage:
    """The library, newest first."""
    return TrackService(context_of(request)).page(limit, cursor)


@router.get("/{track_id}")
@needs(Scope.READ)
def get_track(request: Request, track_id: UUID) -> TrackOut:
    """One track: what it is and how far its processing is."""
    return TrackService(context_of(request)).get(track_id)


@router.head("/{track_id}/file", response_class=Response, include_in_schema=False)
@router.get("/{track_id}/file", response_class=Response)
@needs(Scope.READ)
def get_track_file(request: Request, track_id: UUID) -> Response:
    """The uploaded bytes; byte ranges are answered."""
    context = context_of(request)
    return serve(request, context.store, TrackService(context).row(track_id))


@router.patch("/{track_id}")
@needs(Scope.WRITE)
def change_track(request: Request, track_id: UUID, changed: TrackChange) -> TrackOut:
    """Give a track another title, artist, or other tags. What is left out stays."""
    return TrackService(context_of(request)).change(track_id, changed)


@router.delete("/{track_id}", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.WRITE)
def delete_track(request: Request, track_id: UUID) -> None:
    """Remove a track, its file and its place in every ranking."""
    TrackService(context_of(request)).delete(track_id)
