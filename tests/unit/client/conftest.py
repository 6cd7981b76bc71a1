"""A small real server that answers as the API would, written by hand from its description."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from needledrop_client import client as client_module


def media(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": f"id-{number}",
        "title": None,
        "artist": None,
        "filename": f"file-{number}.flac",
        "media_type": "audio/flac",
        "bytes": 10,
        "sha256": f"{number:064x}",
        "duration_s": 21.5,
        "status": "ready",
        "stage": "ready",
        "progress": None,
        "error": None,
        "url": f"/audio/id-{number}/file",
        "created_at": "2026-01-02T03:04:05Z",
        "added_by_a_newer_server": True,
    } | changes


def result(rank: int) -> dict[str, object]:
    audio = {
        "id": f"id-{rank}",
        "title": f"T{rank}",
        "artist": None,
        "duration_s": 20.0,
        "url": f"/audio/id-{rank}/file",
    }
    return {"rank": rank, "score": 1 / rank, "distance": float(rank), "start_s": 1.92, "audio": audio}


@dataclass
class Backend:
    """What the server was sent, and how it is to answer."""

    url: str = ""
    pending_polls: int = 0
    unready_polls: int = 0
    tracks: int = 5
    page: int = 2
    uploads: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    async def upload(self, request: Request) -> Response:
        async with request.form() as form:
            file = form["file"]
            assert not isinstance(file, str)
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            self.uploads.append((request.url.path, file.filename or "", await file.read(), fields))
        extra = {"match_url": "/match/id-1"} if request.url.path == "/videos" else {}
        return JSONResponse(media(1, status="queued", stage="queued", **extra), 202)

    async def listing(self, request: Request) -> Response:
        start = int(request.query_params.get("cursor", "0"))
        stop = min(start + self.page, self.tracks)
        extra = {"match_url": "/match/x"} if request.url.path == "/videos" else {}
        items = [media(number, **extra) for number in range(start, stop)]
        after = str(stop) if stop < self.tracks else None
        return JSONResponse({"items": items, "total": self.tracks, "next_cursor": after})

    async def match(self, request: Request) -> Response:
        match request.path_params["clip"]:
            case "unknown":
                return problem(404, "not_found", "there is no such clip", "/match/unknown")
            case "silent-black":
                return problem(422, "no_video", "the file holds no video", "/match/silent-black")
            case "proxy-down":
                return PlainTextResponse("<h1>Bad gateway</h1>", 502)
            case "other-server":
                return PlainTextResponse("hello")
        if self.pending_polls:
            self.pending_polls -= 1
            return JSONResponse({"clip_id": "c", "status": "processing", "stage": "extracting", "progress": 0.5}, 202)
        start = int(request.query_params.get("cursor", "0"))
        stop = min(start + self.page, self.tracks)
        model = {"id": "m-1", "kind": "va_metric2", "bundle": "demo", "untrained_backbones": True}
        return JSONResponse(
            {
                "clip_id": "c",
                "status": "done",
                "model": model,
                "total": self.tracks,
                "results": [result(number + 1) for number in range(start, stop)],
                "next_cursor": str(stop) if stop < self.tracks else None,
            }
        )

    async def delete(self, request: Request) -> Response:
        self.deleted.append(request.url.path)
        return Response(status_code=204)

    async def readyz(self, _: Request) -> Response:
        if self.unready_polls:
            self.unready_polls -= 1
            return JSONResponse({"status": "unavailable", "parts": {"database": False}}, 503)
        return JSONResponse({"status": "ready", "parts": {"database": True}})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/audio", self.upload, methods=["POST"]),
                Route("/videos", self.upload, methods=["POST"]),
                Route("/audio", self.listing),
                Route("/videos", self.listing),
                Route("/audio/{id}", self.delete, methods=["DELETE"]),
                Route("/videos/{id}", self.delete, methods=["DELETE"]),
                Route("/match/{clip}", self.match),
                Route("/readyz", self.readyz),
            ]
        )


def problem(status: int, code: str, detail: str, instance: str) -> Response:
    body = {
        "type": "about:blank", "title": "T", "status": status, "detail": detail, "code": code, "instance": instance,
    }  # fmt: skip
    return JSONResponse(body, status, media_type="application/problem+json")


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    monkeypatch.setattr(client_module, "POLL_S", 0.01)
    backend = Backend()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        backend.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(backend.app(), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield backend
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
