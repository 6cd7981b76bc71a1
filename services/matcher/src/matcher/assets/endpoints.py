"""What the routes of tracks and clips share."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from matcher.assets.ranges import serve
from matcher.assets.schemas import AssetOut, AssetState
from matcher.assets.service import AssetKind, AssetService, AssetT
from matcher.context import Context, context_of
from matcher.errors import Problem
from matcher.tables import Asset
from matcher.uploads.idempotency.keys import HEADER, asked
from matcher.uploads.idempotency.service import Made, answer
from matcher.uploads.receiving import Upload, receive

Limit = Annotated[int, Query(ge=1, le=500, description="Most rows on a page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]

IDEMPOTENCY_KEY: dict[str, Any] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "The same key and request again: the same answer, done once. Kept for a day.",
        }
    ]
}
UPLOAD_BODY: dict[str, Any] = {
    **IDEMPOTENCY_KEY,
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "title": {"type": "string"},
                        "artist": {"type": "string"},
                    },
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
}


UPLOAD_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 408, 409, 413, 503, 507)
}


async def upload(request: Request, make: Callable[[Context, Upload], Made]) -> Response:
    """Receive the request's file and add it by `make`; once, where the request has an Idempotency-Key."""
    context = context_of(request)
    asked(request)
    async with receive(request, context.settings.max_upload_bytes, context.uploads, context.disk) as received:
        return await run_in_threadpool(
            answer,
            request,
            received.fingerprint,
            lambda database: make(replace(context, database=database), received),
        )


def send_file(request: Request, kind: AssetKind[AssetT], asset_id: UUID) -> Response:
    context = context_of(request)
    asset, _ = service(context, kind).get(asset_id)
    return serve(request, context.store, asset)


def service(context: Context, kind: AssetKind[AssetT]) -> AssetService[AssetT]:
    return AssetService(kind, context.database, context.store)


def describe(asset: Asset, state: AssetState, url: str) -> AssetOut:
    return AssetOut(
        **state.model_dump(),
        id=asset.id,
        title=asset.display_title,
        artist=asset.artist,
        filename=asset.filename,
        media_type=asset.media_type,
        bytes=asset.bytes,
        sha256=asset.sha256,
        duration_s=asset.duration_s,
        url=url,
        created_at=asset.created_at,
    )
