"""The client itself: one method a call, plus those that wait."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from needledrop_client.errors import ApiError, UnexpectedAnswerError, UnreachableError, WaitTimeoutError
from needledrop_client.models import About, Clip, ClipPage, Match, Pending, Track, TrackPage

PAGE = 100
POLL_S = 0.5

_A = TypeVar("_A", bound=BaseModel)


class Client:
    """Talks to one Needledrop server. Methods raise `ApiError`, `UnreachableError` and `UnexpectedAnswerError`."""

    def __init__(self, base_url: str = "http://127.0.0.1:8000", timeout_s: float = 60.0) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload_audio(self, path: Path, title: str | None = None, artist: str | None = None) -> Track:
        """Add a file to the library; it is streamed, never read whole. The track starts as `queued`."""
        fields = {name: value for name, value in (("title", title), ("artist", artist)) if value is not None}
        return _read(Track, self._upload("/audio", path, fields))

    def upload_video(self, path: Path, title: str | None = None) -> Clip:
        """Upload a clip to be matched. The same bytes again give the same clip."""
        fields = {"title": title} if title is not None else {}
        return _read(Clip, self._upload("/videos", path, fields))

    def library(self) -> Iterator[Track]:
        """Every track, page by page."""
        cursor: str | None = None
        while True:
            page = _read(TrackPage, self._get("/audio", cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def clips(self) -> Iterator[Clip]:
        """Every clip, page by page."""
        cursor: str | None = None
        while True:
            page = _read(ClipPage, self._get("/videos", cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def track(self, track_id: str) -> Track:
        return _read(Track, self._request("GET", f"/audio/{track_id}"))

    def clip(self, clip_id: str) -> Clip:
        return _read(Clip, self._request("GET", f"/videos/{clip_id}"))

    def delete_track(self, track_id: str) -> None:
        self._request("DELETE", f"/audio/{track_id}")

    def delete_clip(self, clip_id: str) -> None:
        self._request("DELETE", f"/videos/{clip_id}")

    def about(self) -> About:
        return _read(About, self._request("GET", "/about"))

    def match_once(self, clip_id: str) -> Pending | Match:
        """How far the clip is: `Pending`, or the first page of its ranking. `ApiError` where the clip can't be used."""
        response = self._get(f"/match/{clip_id}", None)
        if response.status_code == httpx.codes.ACCEPTED:
            return _read(Pending, response)
        return _read(Match, response)

    def match(
        self, clip_id: str, timeout_s: float = 600.0, progress: Callable[[Pending], None] = lambda _: None
    ) -> Match:
        """Wait for a clip's whole ranking; `progress` is called at each poll. `WaitTimeoutError` after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while isinstance(answer := self.match_once(clip_id), Pending):
            progress(answer)
            if time.monotonic() > deadline:
                raise WaitTimeoutError(f"the clip is still {answer.stage} after {timeout_s:g} s")
            time.sleep(POLL_S)
        results, cursor = list(answer.results), answer.next_cursor
        while cursor is not None:
            page = _read(Match, self._get(f"/match/{clip_id}", cursor))
            results += page.results
            cursor = page.next_cursor
        return answer.model_copy(update={"results": results, "next_cursor": None})

    def ready(self) -> bool:
        """True where the server can do its work now; False where it says it can't, or does not answer."""
        try:
            self._request("GET", "/readyz")
        except (ApiError, UnreachableError):
            return False
        return True

    def wait_ready(self, timeout_s: float = 120.0) -> None:
        """Return once the server is ready; `WaitTimeoutError` after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not self.ready():
            if time.monotonic() > deadline:
                raise WaitTimeoutError(f"the server is not ready after {timeout_s:g} s")
            time.sleep(POLL_S)

    def _upload(self, url: str, path: Path, fields: dict[str, str]) -> httpx.Response:
        with path.open("rb") as file:
            return self._request("POST", url, files={"file": (path.name, file)}, data=fields)

    def _get(self, url: str, cursor: str | None) -> httpx.Response:
        params: dict[str, str | int] = {"limit": PAGE}
        if cursor is not None:
            params["cursor"] = cursor
        return self._request("GET", url, params=params)

    def _request(
        self,
        method: str,
        url: str,
        params: dict[str, str | int] | None = None,
        data: dict[str, str] | None = None,
        files: dict[str, tuple[str, object]] | None = None,
    ) -> httpx.Response:
        try:
            response = self._http.request(method, url, params=params, data=data, files=files)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            raise UnreachableError(f"{self._http.base_url} does not answer: {error}") from error
        if response.is_error:
            raise ApiError.of(response)
        return response


def _read(kind: type[_A], response: httpx.Response) -> _A:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise UnexpectedAnswerError(f"{response.url.path} did not answer with a {kind.__name__}: {error}") from error
