"""`/audio`: the audio library."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher import cursors
from matcher.access.scopes import Scope, needs
from matcher.assets.endpoints import (
    UPLOAD_BODY,
    UPLOAD_PROBLEMS,
    Cursor,
    Limit,
    describe,
    send_file,
    service,
    upload,
)
from matcher.assets.repository import ListKey
from matcher.assets.service import AssetKind, state_of
from matcher.context import Context, context_of
from matcher.errors import Problem
from matcher.library.changes import change
from matcher.library.schemas import TrackChange, TrackOut, TrackPage
from matcher.tables import Job, Track
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload
from needledrop.features import Modality

TRACK = AssetKind(Track, Modality.AUDIO, Job.track_id, "track")
router = APIRouter(prefix="/audio", tags=["library"], responses={404: {"model": Problem}, 422: {"model": Problem}})


@router.post(
    "", status_code=HTTPStatus.ACCEPTED, openapi_extra=UPLOAD_BODY, responses=UPLOAD_PROBLEMS, response_model=TrackOut
)
@needs(Scope.WRITE, uploads=True)
async def add_track(request: Request) -> Response:
    """Add a track: multipart field `file`, or a raw body with `?filename=`. The same bytes again: the same track."""
    return await upload(request, make_track)


@router.get("")
@needs(Scope.READ)
def list_tracks(request: Request, limit: Limit = 50, cursor: Cursor = None) -> TrackPage:
    """The library, newest first."""
    rows, total, after = service(context_of(request), TRACK).page(limit, cursors.decode(ListKey, cursor))
    items = [track_out(track, job) for track, job in rows]
    return TrackPage(items=items, total=total, next_cursor=cursors.encode(after) if after else None)


@router.get("/{track_id}")
@needs(Scope.READ)
def get_track(request: Request, track_id: UUID) -> TrackOut:
    """One track: what it is and how far its processing is."""
    return track_out(*service(context_of(request), TRACK).get(track_id))


@router.head("/{track_id}/file", response_class=Response, include_in_schema=False)
@router.get("/{track_id}/file", response_class=Response)
@needs(Scope.READ)
def get_track_file(request: Request, track_id: UUID) -> Response:
    """The uploaded bytes; byte ranges are answered."""
    return send_file(request, TRACK, track_id)


@router.patch("/{track_id}")
@needs(Scope.WRITE)
def change_track(request: Request, track_id: UUID, changed: TrackChange) -> TrackOut:
    """Give a track another title, artist, or other tags. What is left out stays."""
    return track_out(*change(context_of(request).database, TRACK, track_id, changed))


@router.delete("/{track_id}", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.WRITE)
def delete_track(request: Request, track_id: UUID) -> None:
    """Remove a track, its file and its place in every ranking."""
    service(context_of(request), TRACK).delete(track_id)


def make_track(context: Context, received: Upload) -> Made:
    track, job = service(context, TRACK).add(received)
    return Made(track_out(track, job), {"Location": f"/audio/{track.id}"})


def track_out(track: Track, job: Job | None) -> TrackOut:
    return TrackOut(**describe(track, state_of(job), f"/audio/{track.id}/file").model_dump(), tags=track.tags)
