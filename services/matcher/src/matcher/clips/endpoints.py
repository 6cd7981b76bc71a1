"""`/videos`: the uploaded clips."""

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
from matcher.clips.schemas import ClipOut, ClipPage
from matcher.context import Context, context_of
from matcher.errors import Problem
from matcher.tables import Clip, Job
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload
from needledrop.features import Modality

CLIP = AssetKind(Clip, Modality.VIDEO, Job.clip_id, "clip")
router = APIRouter(prefix="/videos", tags=["clips"], responses={404: {"model": Problem}, 422: {"model": Problem}})


@router.post(
    "", status_code=HTTPStatus.ACCEPTED, openapi_extra=UPLOAD_BODY, responses=UPLOAD_PROBLEMS, response_model=ClipOut
)
@needs(Scope.WRITE, uploads=True)
async def add_clip(request: Request) -> Response:
    """Upload a clip: multipart field `file`, or a raw body with `?filename=`. `Location` is where its ranking will be.

    The same bytes again: the same clip.
    """
    return await upload(request, make_clip)


@router.get("")
@needs(Scope.READ)
def list_clips(request: Request, limit: Limit = 50, cursor: Cursor = None) -> ClipPage:
    """The uploaded clips, newest first."""
    rows, total, after = service(context_of(request), CLIP).page(limit, cursors.decode(ListKey, cursor))
    items = [clip_out(clip, job) for clip, job in rows]
    return ClipPage(items=items, total=total, next_cursor=cursors.encode(after) if after else None)


@router.get("/{clip_id}")
@needs(Scope.READ)
def get_clip(request: Request, clip_id: UUID) -> ClipOut:
    """One clip: what it is and how far its processing is."""
    return clip_out(*service(context_of(request), CLIP).get(clip_id))


@router.head("/{clip_id}/file", response_class=Response, include_in_schema=False)
@router.get("/{clip_id}/file", response_class=Response)
@needs(Scope.READ)
def get_clip_file(request: Request, clip_id: UUID) -> Response:
    """The uploaded bytes; byte ranges are answered."""
    return send_file(request, CLIP, clip_id)


@router.delete("/{clip_id}", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.WRITE)
def delete_clip(request: Request, clip_id: UUID) -> None:
    """Remove a clip, its file and its ranking."""
    service(context_of(request), CLIP).delete(clip_id)


def make_clip(context: Context, received: Upload) -> Made:
    out = clip_out(*service(context, CLIP).add(received))
    return Made(out, {"Location": out.match_url, "Retry-After": "1"})


def clip_out(clip: Clip, job: Job | None) -> ClipOut:
    out = describe(clip, state_of(job), f"/videos/{clip.id}/file")
    return ClipOut(**out.model_dump(), match_url=f"/match/{clip.id}")
