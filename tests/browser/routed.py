"""The page's own files with answers chosen by the test: for what a healthy system does not do on demand."""

import json
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request, Route

import matcher

WEB = Path(matcher.__file__).parent / "web"
URL = "http://needledrop.test"
POLICY = {"Content-Security-Policy": "default-src 'self'"}
CLIP_ID = "clip-1"
MODEL = {"id": "model-1", "kind": "va_metric2", "bundle": "own", "untrained_backbones": False}


@dataclass(frozen=True)
class Answer:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


NO_ANSWER = Answer(None, status=0)
Handler = Callable[[Request], Answer]


@dataclass
class RoutedSite:
    """Routes of the API by method and path; requests are kept in `asked`. A path without a route answers 404."""

    page: Page
    routes: dict[str, Handler] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        empty = {"items": [], "total": 0, "next_cursor": None}
        about = {"name": "Needledrop", "version": "0", "model": MODEL, "tracks": {"ready": 0, "queued": 0, "failed": 0}}
        for path, body in (("/audio", empty), ("/videos", empty), ("/about", about), (f"/videos/{CLIP_ID}", clip())):
            self.answer(f"GET {path}", Answer(body))
        self.page.route(f"{URL}/**", self._handle)

    def answer(self, route: str, *answers: Answer) -> None:
        """Give `answers` one after the other; the last one again and again."""
        left = list(answers)
        self.routes[route] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def hold(self, path: str) -> list[Route]:
        """Requests of `path` wait in the list until it is given to `release`."""
        held: list[Route] = []

        def keep(route: Route) -> None:
            held.append(route)

        self.page.route(f"{URL}{path}", keep)
        return held

    def release(self, held: list[Route]) -> None:
        for route in held:
            self._handle(route)

    def open(self, hash_path: str = "#/", wait_until: Literal["load", "commit"] = "load") -> None:
        self.page.goto(f"{URL}/{hash_path}", wait_until=wait_until)

    def open_clip(self) -> None:
        self.open(f"#/match/{CLIP_ID}")

    def requests_of(self, path: str, method: str = "GET") -> list[dict[str, list[str]]]:
        """The queries of all requests so far."""
        split = [urlsplit(request.url) for request in self.asked if request.method == method]
        return [parse_qs(url.query) for url in split if url.path == path]

    def _handle(self, route: Route) -> None:
        request = route.request
        path = urlsplit(request.url).path
        self.asked.append(request)
        if path == "/" or path.startswith("/web/"):
            file = WEB / ("index.html" if path == "/" else path.removeprefix("/web/"))
            kind = mimetypes.guess_type(file.name)[0] or "text/plain"
            route.fulfill(body=file.read_bytes(), content_type=kind, headers=POLICY)
            return
        handler = self.routes.get(f"{request.method} {path}")
        answer = handler(request) if handler else problem(404, "not_found", "there is nothing at this address")
        if answer is NO_ANSWER:
            route.abort("connectionrefused")
        else:
            body = answer.body if isinstance(answer.body, str | bytes) else json.dumps(answer.body)
            headers = {"Content-Type": "application/json"} | answer.headers
            route.fulfill(status=answer.status, body=body, headers=headers)


def problem(status: int, code: str, detail: str) -> Answer:
    return Answer({"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}, status)


def file(content: bytes, media_type: str) -> Handler:
    """Gives `content`, or the range of it that is asked for."""

    def give(request: Request) -> Answer:
        begin, _, end = request.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = content[int(begin) : int(end or len(content)) + 1]
        place = f"bytes {begin}-{int(begin) + len(part) - 1}/{len(content)}"
        return Answer(part, 206, {"Content-Type": media_type, "Accept-Ranges": "bytes", "Content-Range": place})

    return give


def clip(title: str = "A clip") -> dict[str, Any]:
    return {
        "id": CLIP_ID, "title": title, "artist": None, "filename": "a.mp4", "duration_s": 6.0, "status": "ready",
        "stage": "ready", "progress": None, "error": None, "url": f"/videos/{CLIP_ID}/file",
        "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def track(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"track-{number}", "title": f"Track {number}", "artist": "Somebody", "filename": f"{number}.flac",
        "duration_s": 61.0, "status": "ready", "stage": "ready", "progress": None, "error": None,
        "url": f"/audio/track-{number}/file", "created_at": "2026-01-01T00:00:00Z",
    } | changes  # fmt: skip


def ranking(first: int, last: int, total: int, cursor: str | None = None, **changes: Any) -> Answer:
    """Results of rank `first` to `last`; `changes` are of the tracks."""
    results = [
        {"rank": rank, "score": 1 / rank, "distance": float(rank), "start_s": 7.5, "audio": track(rank, **changes)}
        for rank in range(first, last + 1)
    ]
    page = {"total": total, "results": results, "next_cursor": cursor}
    return Answer({"clip_id": CLIP_ID, "status": "done", "model": MODEL, **page})


def working(stage: str, progress: float | None = None, retry_after: str = "0.25") -> Answer:
    body = {"clip_id": CLIP_ID, "status": "processing", "stage": stage, "progress": progress}
    return Answer(body, 202, {"Retry-After": retry_after})
