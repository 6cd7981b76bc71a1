"""`/uploads`: tus 1.0 with creation, creation-with-upload, expiration and termination."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from matcher.access.scopes import Scope, needs
from matcher.context import context_of
from matcher.errors import ApiError, Problem
from matcher.uploads.form import too_large
from matcher.uploads.idempotency.keys import owner_of
from matcher.uploads.receiving import empty
from matcher.uploads.resumable.headers import (
    CONTENT_TYPE,
    EXTENSIONS,
    TUS,
    VERSION,
    announced,
    number,
    progress,
    require_content_type,
    require_version,
)
from matcher.uploads.resumable.partials import Announced
from matcher.uploads.resumable.service import ResumableService
from matcher.uploads.targets import targets_of

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 404, 408, 409, 410, 412, 413, 415, 422, 423, 429, 503, 507)
}
PIECE: dict[str, Any] = {
    "requestBody": {"required": False, "content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}
router = APIRouter(prefix="/uploads", tags=["resumable uploads"], responses=PROBLEMS)
VERSIONED = [Depends(require_version)]


@router.options("", status_code=HTTPStatus.NO_CONTENT)
@router.options("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, include_in_schema=False)
@needs(Scope.READ)
def get_abilities(request: Request) -> Response:
    """Which version and extensions of tus are spoken, and the most bytes that a file may have."""
    most = context_of(request).settings.max_upload_bytes
    abilities = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(most)}
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={**TUS, **abilities})


@router.post("", dependencies=VERSIONED, status_code=HTTPStatus.CREATED, response_class=Response, openapi_extra=PIECE)
@needs(Scope.WRITE, uploads=True)
async def create_upload(request: Request) -> Response:
    """Begin an upload: `Upload-Length`, and in `Upload-Metadata` kind (audio, video, pair), filename, and the
    fields of that kind's form.

    `Location` is where to send the pieces. The body may be the first one.
    """
    service, state = _service(request), announced(request, owner_of(request), targets_of(request))
    most = context_of(request).settings.max_upload_bytes
    if state.length > most:
        raise too_large(most)
    if not state.length:
        raise empty()
    has_piece = request.headers.get("content-type") == CONTENT_TYPE
    upload_id = await run_in_threadpool(service.partials.create, state)
    if has_piece:
        state = await service.append(request, upload_id, state, 0)
    headers = _progress(service, upload_id, state)
    return Response(status_code=HTTPStatus.CREATED, headers={**headers, "Location": f"/uploads/{upload_id}"})


@router.head("/{upload_id}", dependencies=VERSIONED, response_class=Response)
@needs(Scope.READ)
def get_offset(request: Request, upload_id: UUID) -> Response:
    """How much has come. `Content-Location` is the track, match or pair once the file is whole and added."""
    service = _service(request)
    state = service.partials.find(upload_id, owner_of(request))
    if service.partials.offset(upload_id, state) == state.length and not state.location:
        # Its last piece came, and then the database, the store or this process was away.
        with service.partials.tail(upload_id):
            state = service.finish(upload_id, service.partials.find(upload_id, owner_of(request)))
    headers = {"Upload-Length": str(state.length), "Cache-Control": "no-store"}
    return Response(headers={**_progress(service, upload_id, state), **headers})


@router.patch(
    "/{upload_id}",
    dependencies=VERSIONED,
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    openapi_extra=PIECE,
)
@needs(Scope.WRITE, uploads=True)
async def append_to_upload(request: Request, upload_id: UUID) -> Response:
    """Send a piece, from `Upload-Offset` on. The last one adds the file: `Content-Location` is what it became."""
    require_content_type(request)
    service, offset = _service(request), number(request, "Upload-Offset")
    state = await run_in_threadpool(service.partials.find, upload_id, owner_of(request))
    state = await service.append(request, upload_id, state, offset)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_progress(service, upload_id, state))


@router.delete("/{upload_id}", dependencies=VERSIONED, status_code=HTTPStatus.NO_CONTENT, response_class=Response)
@needs(Scope.WRITE)
def end_upload(request: Request, upload_id: UUID) -> Response:
    """Forget an upload. What it became stays."""
    partials = _service(request).partials
    partials.find(upload_id, owner_of(request))
    with partials.tail(upload_id):
        partials.delete(upload_id)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=TUS)


@router.post("/{upload_id}", dependencies=VERSIONED, include_in_schema=False, response_class=Response)
@needs(Scope.WRITE, uploads=True)
async def override_method(request: Request, upload_id: UUID) -> Response:
    """For clients that can only GET and POST: `X-HTTP-Method-Override`, as tus demands it."""
    match request.headers.get("x-http-method-override", "").upper():
        case "PATCH":
            return await append_to_upload(request, upload_id)
        case "DELETE":
            return await run_in_threadpool(end_upload, request, upload_id)
        case "HEAD":
            return await run_in_threadpool(get_offset, request, upload_id)
        case _:
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed", TUS)


def _service(request: Request) -> ResumableService:
    return ResumableService(context_of(request), targets_of(request))


def _progress(service: ResumableService, upload_id: UUID, state: Announced) -> dict[str, str]:
    return progress(service.partials.offset(upload_id, state), service.partials.expires_at(upload_id), state)
