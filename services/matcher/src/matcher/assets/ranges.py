"""Serving a stored file, whole or by range (RFC 9110 §14), streamed from the media store."""

import re
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from matcher.errors import ApiError
from matcher.tables import Asset
from needledrop.errors import ErrorCode, StorageError
from needledrop_storage.keys import media_key
from needledrop_storage.store import MediaStore

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e]*")')


def serve(request: Request, store: MediaStore, asset: Asset) -> Response:
    """The asset's bytes: 200, 206 for one satisfiable range, 304 where the client has them, 416 for a range outside.

    Several ranges at once are answered with the whole file: no request costs more than reading it once.
    """
    etag = f'"{asset.sha256}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": _disposition(asset.filename),
        "X-Content-Type-Options": "nosniff",
    }
    if _matches(request.headers.getlist("if-none-match"), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if_range = request.headers.get("if-range")
    wanted = request.headers.get("range") if request.method == "GET" and if_range in (None, etag) else None
    span = parse_range(wanted, asset.bytes)
    if span is None:
        start, stop, status = 0, asset.bytes, HTTPStatus.OK
    else:
        start, stop = span
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{asset.bytes}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=_safe_type(asset))
    key = media_key(asset.sha256)
    # Once the answer has begun, it can't be an error any more.
    if store.size(key) != asset.bytes:
        raise StorageError(ErrorCode.STORAGE_MISSING, "the stored bytes of this file are gone")
    body = store.read_range(key, start, stop)
    return StreamingResponse(body, status, headers, media_type=_safe_type(asset))


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """`(start, stop)` of a single byte range; None where the whole file is sent (no range, several, or malformed).

    `ApiError(range_not_satisfiable)` where it lies outside the file.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if not match or not (match[1] or match[2]):
        return None
    first, last = match[1], match[2]
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise ApiError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            "the range lies outside the file",
            {"Content-Range": f"bytes */{size}"},
        )
    return start, stop


def _matches(headers: list[str], etag: str) -> bool:
    """Whether the client has these bytes: If-None-Match is a list, compares weakly, and `*` is anything."""
    return any(header.strip() == "*" or etag in _TAG.findall(header) for header in headers)


def _disposition(filename: str) -> str:
    """RFC 6266 with RFC 8187: the name as it is, after what is left of it in ASCII for those who read only that."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", filename)
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _safe_type(asset: Asset) -> str:
    """Uploaded bytes are only ever served as media, never as a page or a script."""
    return asset.media_type if asset.media_type.startswith(("audio/", "video/")) else "application/octet-stream"
