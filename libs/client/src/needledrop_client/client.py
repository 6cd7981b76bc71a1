"""The client itself: one method a call, plus those that wait."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from needledrop_client.connection import read
from needledrop_client.errors import ApiError, UnreachableError, WaitTimeoutError
from needledrop_client.models import About, Clip, ClipPage, Match, Pending, Track, TrackPage
from needledrop_client.training import TrainingCalls

POLL_S = 0.5


class Client(TrainingCalls):
    """Talks to one Needledrop server. Methods raise `ApiError`, `UnreachableError` and `UnexpectedAnswerError`.

    `api_key` is needed once the server has keys.
    """

    def upload_audio(self, path: Path, title: str | None = None, artist: str | None = None) -> Track:
        """Add a file to the library; it is streamed, never read whole. The track starts as `queued`."""
        fields = {name: value for name, value in (("title", title), ("artist", artist)) if value is not None}
        return read(Track, self._upload("/audio", path, fields))

    def upload_video(self, path: Path, title: str | None = None) -> Clip:
        """Upload a clip to be matched. The same bytes again give the same clip."""
        fields = {"title": title} if title is not None else {}
        return read(Clip, self._upload("/videos", path, fields))

    def library(self) -> Iterator[Track]:
        """Every track, page by page."""
        cursor: str | None = None
        while True:
            page = read(TrackPage, self._get("/audio", cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def clips(self) -> Iterator[Clip]:
        """Every clip, page by page."""
        cursor: str | None = None
        while True:
            page = read(ClipPage, self._get("/videos", cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def track(self, track_id: str) -> Track:
        return read(Track, self._request("GET", f"/audio/{track_id}"))

    def clip(self, clip_id: str) -> Clip:
        return read(Clip, self._request("GET", f"/videos/{clip_id}"))

    def delete_track(self, track_id: str) -> None:
        self._request("DELETE", f"/audio/{track_id}")

    def delete_clip(self, clip_id: str) -> None:
        self._request("DELETE", f"/videos/{clip_id}")

    def about(self) -> About:
        return read(About, self._request("GET", "/about"))

    def match_once(self, clip_id: str) -> Pending | Match:
        """How far the clip is: `Pending`, or the first page of its ranking. `ApiError` where the clip can't be used."""
        response = self._get(f"/match/{clip_id}", None)
        if response.status_code == httpx.codes.ACCEPTED:
            return read(Pending, response)
        return read(Match, response)

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
            page = read(Match, self._get(f"/match/{clip_id}", cursor))
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
