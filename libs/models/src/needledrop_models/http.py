"""One HTTP request for a file, or for the rest of one."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from needledrop.errors import DownloadError, ErrorCode

MAX_REDIRECTS = 10
# Worth another try: the server is busy, or was cut off from what stands behind it.
PASSING = {408, 425, 429, 500, 502, 503, 504}
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "needledrop-models"}


class BrokenError(Exception):
    """The connection failed, stalled or ended early: what came so far may be added to."""


class PastEndError(BrokenError):
    """Status 416: the file ends before the bytes that were asked for. `total`: its size, if told."""

    def __init__(self, total: int | None) -> None:
        super().__init__("the server has no more bytes than came before")
        self.total = total


class Answer:
    """The body of a 200 or 206. `start`: the position of its first byte; `total`: the whole file's size, if told."""

    def __init__(self, response: httpx.Response, start: int) -> None:
        self._response = response
        headers = response.headers
        partial = response.status_code == httpx.codes.PARTIAL_CONTENT
        self.start, self.total = _range(headers.get("Content-Range", "")) if partial else (0, _length(headers))
        if partial and self.start != start:
            raise BrokenError(f"bytes from {start} were asked for, those from {self.start} came")
        tag = headers.get("ETag", "")
        self.validator: str = headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
        self.type: str = headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces; `BrokenError` if the connection breaks.

        If the body ends before `total`, the pieces just end: the caller counts them.
        """
        try:
            yield from self._response.iter_raw()
        except httpx.RemoteProtocolError as error:
            if self.total is None:
                raise BrokenError(_cause(error)) from error
        except httpx.TransportError as error:
            raise BrokenError(_cause(error)) from error


@contextmanager
def request(url: str, start: int, validator: str, timeout_s: float, name: str) -> Iterator[Answer]:
    """Ask for a file from byte `start`; from 0 where the server has another version than `validator` names.

    `BrokenError` where another try may help, `DownloadError` with the file's name where it can't.
    """
    part = {b"Range": b"bytes=%d-" % start, b"If-Range": validator.encode()} if start else {}
    with _client(timeout_s, name) as client:
        try:
            response = _send(client, client.build_request("GET", url, headers=part))
        except httpx.TransportError as error:
            raise BrokenError(_cause(error)) from error
        except httpx.InvalidURL as error:
            raise _failed(name, f"{url[:200]} is not an address: {error}") from error
        try:
            _require_success(response, url, start, name)
            yield Answer(response, start)
        finally:
            response.close()


def _client(timeout_s: float, name: str) -> httpx.Client:
    """A client that takes proxies from the environment, and certificates from the system or SSL_CERT_FILE."""
    try:
        return httpx.Client(verify=ssl.create_default_context(), timeout=timeout_s, headers=HEADERS)
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        what = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY can't be used"
        raise _failed(name, f"{what}: {error}") from error


def _send(client: httpx.Client, asked: httpx.Request) -> httpx.Response:
    """The answer behind all redirects, or the first redirect that may not be followed."""
    response = client.send(asked, stream=True)
    for _ in range(MAX_REDIRECTS):
        following = response.next_request
        if following is None or not _may_follow(response.url.scheme, following.url.scheme):
            break
        response.close()
        response = client.send(following, stream=True)
    return response


def _may_follow(before: str, after: str) -> bool:
    """Whether a redirect stays in HTTP, and in HTTPS where it was."""
    return after == "https" or before == after == "http"


def _require_success(response: httpx.Response, url: str, start: int, name: str) -> None:
    status = response.status_code
    if status in PASSING:
        raise BrokenError(f"status {status}")
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and start:
        raise PastEndError(_total(response.headers.get("Content-Range", "")))
    if not response.is_success:
        raise _failed(name, f"expected status 200 from {urlsplit(url).hostname or url}, {status} came")


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


def _length(headers: httpx.Headers) -> int | None:
    value = headers.get("Content-Length", "")
    return int(value) if value.isdecimal() else None


def _cause(error: BaseException) -> str:
    """What the system said, which httpx's own error often leaves out."""
    reason: BaseException | None = error
    while reason and not isinstance(reason, OSError):
        reason = reason.__cause__ or reason.__context__
    reason = reason or error
    return "no byte came for too long" if isinstance(reason, TimeoutError) else f"{type(reason).__name__}: {reason}"


def _failed(name: str, what: str) -> DownloadError:
    return DownloadError(ErrorCode.DOWNLOAD_FAILED, f"{name}: {what}")
