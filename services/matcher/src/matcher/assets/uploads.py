"""Uploads, streamed to a temporary file with a size cap and a running SHA-256; nothing large is held in memory."""

import hashlib
import mimetypes
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import IO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from matcher.errors import ApiError
from needledrop.errors import ErrorCode

MAX_FIELD_BYTES = 4096
MAX_NAME_CHARS = 255


@dataclass(frozen=True)
class Upload:
    """A received file, complete and on disk until the request ends. `fields`: the form's other fields."""

    path: Path
    sha256: str
    bytes: int
    filename: str
    media_type: str
    fields: dict[str, str] = field(default_factory=dict)


class FileSink:
    """Where the file's bytes go; refuses more than `limit` bytes as soon as they are there."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self._limit = limit
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.bytes > self._limit:
            raise too_large(self._limit)
        self._digest.update(data)
        self._file.write(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@asynccontextmanager
async def receive(request: Request, limit: int, scratch: Path | None) -> AsyncIterator[Upload]:
    """Receive the request's file: the multipart field `file`, or a raw body named by `?filename=`.

    `ApiError` where the body is too large, empty, malformed or holds no file; the temporary file is always removed.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit + (1 << 16):
        raise too_large(limit)
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    with tempfile.NamedTemporaryFile(dir=scratch, prefix="needledrop-upload-") as file:
        sink = FileSink(file, limit)
        try:
            if content_type == b"multipart/form-data":
                form = _Form(options.get(b"boundary", b""), sink)
                await form.read(request)
                filename, media_type, fields = form.filename, form.media_type, form.fields
            else:
                async for chunk in request.stream():
                    sink.write(chunk)
                filename, media_type = request.query_params.get("filename", ""), content_type.decode("latin-1")
                fields = {
                    name: request.query_params[name] for name in ("title", "artist") if name in request.query_params
                }
        except ClientDisconnect as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, "upload_incomplete", "the upload broke off") from error
        if not sink.bytes:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, ErrorCode.MEDIA_EMPTY, "the file is empty")
        file.flush()
        filename = clean_name(filename)
        yield Upload(
            path=Path(file.name),
            sha256=sink.sha256,
            bytes=sink.bytes,
            filename=filename,
            media_type=_media_type(media_type, filename),
            fields=fields,
        )


def too_large(limit: int) -> ApiError:
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "upload_too_large", f"a file may have at most {limit} bytes")


def clean_name(name: str) -> str:
    """The last part of a client's file name without control characters. A file name is data, never a path."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(char for char in last if char.isprintable())[:MAX_NAME_CHARS] or "untitled"


def _media_type(declared: str, filename: str) -> str:
    if declared.startswith(("audio/", "video/")):
        return declared[:MAX_NAME_CHARS]
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


class _Form:
    """Feeds a multipart body through the parser: the field `file` to the sink, short text fields to `fields`."""

    def __init__(self, boundary: bytes, sink: FileSink) -> None:
        if not boundary:
            raise _malformed("the multipart body has no boundary")
        self._sink = sink
        self._headers: dict[str, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._name = ""
        self._value = bytearray()
        self._found = False
        self._ended = False
        self.filename = ""
        self.media_type = ""
        self.fields: dict[str, str] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_data,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    async def read(self, request: Request) -> None:
        try:
            async for chunk in request.stream():
                self._parser.write(chunk)
            self._parser.finalize()
        except MultipartParseError as error:
            raise _malformed("the multipart body can't be read") from error
        if not self._ended:
            raise ApiError(HTTPStatus.BAD_REQUEST, "upload_incomplete", "the upload broke off")
        if not self._found:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "file_missing", "the form has no field “file”")

    def _part_begin(self) -> None:
        self._headers = {}
        self._value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_data(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "file":
            if self._found:
                raise _malformed("the form has more than one field “file”")
            self._found = True
            self.filename = options.get(b"filename", b"").decode("utf-8", "replace")
            self.media_type = self._headers.get("content-type", b"").decode("latin-1")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file":
            self._sink.write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MAX_FIELD_BYTES:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "field_too_large", f"the field “{self._name[:40]}” is too long"
            )

    def _part_end(self) -> None:
        if self._name in {"title", "artist"}:
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


def _malformed(detail: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "body_malformed", detail)
