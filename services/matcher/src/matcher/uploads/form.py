"""Multipart forms, parsed as they come: the field `file` goes to a sink, short text fields are kept, all is bounded."""

from collections.abc import Collection
from http import HTTPStatus

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from matcher.errors import ApiError
from matcher.uploads.files import FileSink

MAX_FIELD_BYTES = 4096
MAX_PARTS = 32
MAX_AROUND_BYTES = 256 << 10
"""All of a form but its file: boundaries, headers, fields, and what stands before and after them."""


class Form:
    """Feeds a multipart body through the parser, which bounds a part's headers itself. `fields`: the names to keep."""

    def __init__(self, boundary: bytes, sink: FileSink, limit: int, fields: Collection[str]) -> None:
        if not boundary:
            raise malformed("the multipart body has no boundary")
        self._sink = sink
        self._limit = limit
        self._kept = fields
        self._headers: dict[str, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._name = ""
        self._value = bytearray()
        self._parts = 0
        self._found = False
        self._ended = False
        self.filename = ""
        self.media_type = ""
        self.fields: dict[str, str] = {}
        try:
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
        except FormParserError as error:
            raise malformed("the multipart boundary is too long") from error

    async def read(self, request: Request) -> None:
        total = 0
        try:
            async for chunk in request.stream():
                total += len(chunk)
                self._parser.write(chunk)
                if total - self._sink.bytes > MAX_AROUND_BYTES:
                    raise _too_much("the form has too much beside its file")
                await self._sink.flush()
            self._parser.finalize()
        except FormParserError as error:
            raise malformed("the multipart body can't be read") from error
        if not self._ended:
            raise ApiError(HTTPStatus.BAD_REQUEST, "upload_incomplete", "the upload broke off")
        if not self._found:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "file_missing", "the form has no field “file”")

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _too_much(f"the form has more than {MAX_PARTS} fields")
        self._headers = {}
        self._name = ""
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
                raise malformed("the form has more than one field “file”")
            self._found = True
            self.filename = options.get(b"filename", b"").decode("utf-8", "replace")
            self.media_type = self._headers.get("content-type", b"").decode("latin-1")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file":
            if self._sink.bytes + end - start > self._limit:
                raise too_large(self._limit)
            self._sink.write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MAX_FIELD_BYTES:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "field_too_large", f"the field “{self._name[:40]}” is too long"
            )

    def _part_end(self) -> None:
        if self._name in self._kept:
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


def too_large(limit: int) -> ApiError:
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "upload_too_large", f"a file may have at most {limit} bytes")


def malformed(detail: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "body_malformed", detail)


def _too_much(detail: str) -> ApiError:
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "form_too_large", detail)
