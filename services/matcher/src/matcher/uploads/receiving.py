"""Uploads, streamed to a file with a size cap and a running SHA-256; nothing large is held in memory."""

import hashlib
import json
import mimetypes
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath

import anyio
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from matcher.bodies import body_of
from matcher.errors import ApiError
from matcher.uploads.fields import UploadFields, pick_fields
from matcher.uploads.files import FileSink, new_sink
from matcher.uploads.form import MAX_AROUND_BYTES, Form
from needledrop.errors import ErrorCode

MAX_NAME_CHARS = 255
_MEDIA_TYPE = re.compile(r"(audio|video)/[A-Za-z0-9][A-Za-z0-9.+-]{0,99}")


@dataclass(frozen=True)
class Upload:
    """A received file, complete and on disk until it is kept or the request ends. `fields`: as they came."""

    path: Path
    sha256: str
    bytes: int
    filename: str
    media_type: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """What was uploaded, whatever form it came in: a client that repeats a form draws another boundary."""
        what = [self.sha256, self.filename, self.media_type, sorted(self.fields.items())]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()


@asynccontextmanager
async def receive(
    request: Request, fields: type[UploadFields], limit: int, folder: Path, disk: anyio.CapacityLimiter
) -> AsyncIterator[Upload]:
    """Receive the request's file: the multipart field `file`, or a raw body named by `?filename=`.

    Of the texts beside it, `fields` are kept. It lies in `folder`, until it is taken or the request ends; `disk` bounds
    how many are written at once. `ApiError` if the body is too large, too slow, empty, malformed or without a file, or
    if a field can't be read; `StorageError` if the disk is full.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    is_form = content_type == b"multipart/form-data"
    body_of(request.scope).allow(limit + (MAX_AROUND_BYTES if is_form else 0))
    with new_sink(folder, disk) as sink:
        try:
            if is_form:
                form = Form(options.get(b"boundary", b""), sink, limit, fields.model_fields)
                await form.read(request)
                filename, media_type, given = form.filename, form.media_type, form.fields
            else:
                await _read_raw(request, sink)
                query = request.query_params
                filename, media_type = query.get("filename", ""), content_type.decode("latin-1")
                given = dict(query)
            await sink.flush(all_of_it=True)
        except ClientDisconnect as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, "upload_incomplete", "the upload broke off") from error
        if not sink.bytes:
            raise empty()
        yield describe_upload(sink.path, sink.sha256, sink.bytes, filename, media_type, pick_fields(fields, given))


def describe_upload(
    path: Path, sha256: str, size: int, filename: str, media_type: str, fields: Mapping[str, str]
) -> Upload:
    """An upload, its name and type cleaned."""
    name = clean_name(filename)
    return Upload(path, sha256, size, name, _media_type(media_type, name), fields)


def empty() -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, ErrorCode.MEDIA_EMPTY, "the file is empty")


def clean_name(name: str) -> str:
    """The last part of a client's file name without control characters. A file name is data, never a path."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(char for char in last if char.isprintable())[:MAX_NAME_CHARS] or "untitled"


async def _read_raw(request: Request, sink: FileSink) -> None:
    async for chunk in request.stream():
        sink.write(chunk)
        await sink.flush()


def _media_type(declared: str, filename: str) -> str:
    kind = declared.partition(";")[0].strip()
    if _MEDIA_TYPE.fullmatch(kind):
        return kind
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
