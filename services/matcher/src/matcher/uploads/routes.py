"""What the routes that take a file share."""

from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from matcher.context import context_of
from matcher.errors import Problem
from matcher.uploads.fields import UploadFields
from matcher.uploads.idempotency.keys import IDEMPOTENCY_KEY, idempotency_of
from matcher.uploads.idempotency.service import answer
from matcher.uploads.receiving import receive
from matcher.uploads.targets import UploadTarget

BYTES = {"type": "string", "format": "binary"}
UPLOAD_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 408, 409, 413, 503, 507)
}


async def receive_upload(request: Request, target: UploadTarget) -> Response:
    """Receive the request's file and add it to the target; once, where the request has an Idempotency-Key."""
    context = context_of(request)
    idempotency_of(request)
    async with receive(
        request, target.fields, context.settings.max_upload_bytes, context.uploads, context.disk
    ) as received:
        return await run_in_threadpool(
            answer,
            request,
            received.fingerprint,
            lambda database: target.add(replace(context, database=database), received),
        )


def upload_body(fields: type[UploadFields]) -> dict[str, Any]:
    """What the OpenAPI document says of such a route's request, beyond what the framework knows."""
    properties = fields.model_json_schema()["properties"]
    # A form's fields are left out rather than sent empty, so their defaults are nothing to tell.
    told = {name: {key: one[key] for key in one if key not in {"title", "default"}} for name, one in properties.items()}
    form = {"type": "object", "required": ["file"], "properties": {"file": BYTES, **told}}
    content = {"multipart/form-data": {"schema": form}, "application/octet-stream": {"schema": BYTES}}
    return {**IDEMPOTENCY_KEY, "requestBody": {"required": True, "content": content}}
