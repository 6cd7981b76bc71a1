"""One HTTP request for a file, or for the rest of one, with the standard library."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from needledrop.errors import DownloadError, ErrorCode

CHUNK = 1 << 16
# Worth another try: the server is busy, or was cut off from what stands behind it.
PASSING = {408, 425, 429, 500, 502, 503, 504}
RANGE_UNUSABLE = 416


class BrokenError(Exception):
    """The connection failed, stalled or ended early: what came so far may be added to."""


class PastEndError(BrokenError):
    """Status 416: the file ends before the bytes that were asked for. `total`: its size, if told."""

    def __init__(self, total: int | None) -> None:
        super().__init__("the server has no more bytes than came before")
        self.total = total


class Answer:
    """The body of a 200 or 206. `start`: the position of its first byte; `total`: the whole file's size, if told."""

    def __init__(self, response: Any, start: int) -> None:
        self._response = response
        partial = response.status == http.client.PARTIAL_CONTENT
        self.start, self.total = (
            _range(response.headers.get("Content-Range", "")) if partial else (0, _length(response))
        )
        if partial and self.start != start:
            raise BrokenError(f"bytes from {start} were asked for, those from {self.start} came")
        tag = response.headers.get("ETag", "")
        self.validator: str = response.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
        self.type: str = response.headers.get_content_type()

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces; `BrokenError` where the connection breaks. An early end is the caller's to see."""
        try:
            while piece := self._response.read1(CHUNK):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise BrokenError(_cause(error)) from error


@contextmanager
def request(url: str, start: int, validator: str, timeout_s: float, name: str) -> Iterator[Answer]:
    """Ask for a file from byte `start`; from 0 where the server has another version than `validator` names.

    `BrokenError` where another try may help, `DownloadError` with the file's name where it can't.
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": "needledrop-models"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        response = urllib.request.build_opener(_Redirects).open(
            urllib.request.Request(url, headers=headers),  # noqa: S310 - the store lets only HTTP through
            timeout=timeout_s,
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in PASSING:
            raise BrokenError(f"status {error.code}") from error
        if error.code == RANGE_UNUSABLE and start:
            raise PastEndError(_total(error.headers.get("Content-Range", ""))) from error
        raise DownloadError(
            ErrorCode.DOWNLOAD_FAILED, f"{name}: expected status 200 from {_host(url)}, {error.code} came"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise BrokenError(_cause(error)) from error
    with response:
        yield Answer(response, start)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows as the standard library does, but never from HTTPS to anything else, nor out of HTTP."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> Any:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after != "https" and (before == "https" or after != "http"):
            raise urllib.error.HTTPError(req.full_url, code, f"redirect to {after}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _range(value: str) -> tuple[int, int | None]:
    """From `bytes 100-199/200`: 100 and 200."""
    first = value.removeprefix("bytes ").partition("-")[0]
    if not first.isdecimal():
        raise BrokenError(f"a part came that doesn't say which (“{value[:60]}”)")
    return int(first), _total(value)


def _total(value: str) -> int | None:
    """From `bytes 100-199/200` or `bytes */200`: 200; None where the size is not told."""
    total = value.rpartition("/")[2]
    return int(total) if total.isdecimal() else None


def _length(response: Any) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() else None


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return "no byte came for too long" if isinstance(reason, TimeoutError) else f"{type(reason).__name__}: {reason}"


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
