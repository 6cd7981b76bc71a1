"""A small real server that answers as the API would, written by hand from its description."""

import json
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


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


def choice() -> dict[str, object]:
    return {
        "id": "ch-1", "clip_id": "c", "audio_id": "a", "start_s": 2.5, "model": "m-1", "rank": 3,
        "created_at": "2026-01-02T03:04:05Z",
    }  # fmt: skip


def model(model_id: str, **changes: object) -> dict[str, object]:
    return {
        "id": model_id, "name": "Mine", "kind": "needledrop", "bundle": "demo", "untrained_backbones": True,
        "state": "ready", "active": False, "installed": False, "seed": 1, "use": ["pairs"], "previous": None,
        "epoch": None, "epochs": None, "figures": None, "error": None, "has_report": True, "summary": {"pairs": 80},
        "coverage": {"total": 3, "embedded": 2, "stale": 0}, "created_at": "2026-01-02T03:04:05Z",
        "ready_at": None, "activated_at": None, "added_by_a_newer_server": True,
    } | changes  # fmt: skip


@dataclass
class Backend:
    """What the server was sent, and how it is to answer."""

    url: str = ""
    pending_polls: int = 0
    unready_polls: int = 0
    starting: int = 0
    stops: int = 0
    gone: bool = False
    asked: int = 0
    tracks: int = 5
    page: int = 2
    uploads: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)
    too_few: bool = False
    deleted: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    wishes: list[tuple[str, str, object]] = field(default_factory=list)

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
        return JSONResponse({"items": items, "total": self.tracks, "ready": 0, "next_cursor": after})

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
        self.authorizations.append(request.headers.get("authorization"))
        return Response(status_code=204)

    async def readyz(self, _: Request) -> Response:
        if self.unready_polls:
            self.unready_polls -= 1
            return JSONResponse({"status": "unavailable", "parts": {"database": False}}, 503)
        return JSONResponse({"status": "ready", "parts": {"database": True}})

    async def wish(self, request: Request) -> Response:
        """What was asked for, kept; the answer depends on the path alone."""
        body = await request.body()
        self.wishes.append((request.method, request.url.path, json.loads(body) if body else None))
        path = request.url.path
        if path.endswith("/choices"):
            item = choice()
            return JSONResponse(item, 201) if request.method == "POST" else JSONResponse({"items": [item]})
        if path == "/models" and request.method == "GET":
            return JSONResponse({"items": [model("m-2"), model("m-1", active=True)]})
        if path == "/models" and self.too_few:
            return problem(409, "too_few_pairs", "a training takes at least 8 pairs", path)
        return JSONResponse(model("m-2", state="training"), 202)

    async def report(self, request: Request) -> Response:
        match request.url.path.rpartition("/")[2]:
            case "report":
                return JSONResponse({"pairs": 100})
            case "report.md":
                return PlainTextResponse("| R@1 |")
        return Response(b"PNG", media_type="image/png")

    async def events(self, request: Request) -> Response:
        """Until the model is ready; at first as a server that starts, or stops after an event, as often as is said."""
        self.asked += 1
        if self.deleted:
            return problem(404, "not_found", "there is no such model", request.url.path)
        if self.starting:
            self.starting -= 1
            return problem(503, "database_unavailable", "not yet", "/models/m/events")
        keep = ("state", "active", "coverage", "epoch", "epochs", "figures", "error")
        told = [model("m", state="training", epoch=n, epochs=2, figures={"loss": 1 / n}) for n in (1, 2)]
        told.append(model("m", state="ready", epoch=2, epochs=2))
        lines = [
            f"event: {'done' if each['state'] == 'ready' else 'progress'}\r\n"
            f"data: {json.dumps({name: each[name] for name in keep})}\r\n\r\n"
            for each in told
        ]
        if self.gone:
            lines[1:] = ["event: gone\r\ndata: {}\r\n\r\n"]
        elif self.stops:
            self.stops -= 1
            lines = lines[:1]
        return PlainTextResponse(": ping\r\n\r\n" + "".join(lines), media_type="text/event-stream")

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
                Route("/match/{clip}/choices", self.wish, methods=["GET", "POST"]),
                Route("/pairs", self.upload, methods=["POST"]),
                Route("/pairs", self.listing),
                Route("/pairs/{id}", self.delete, methods=["DELETE"]),
                Route("/models", self.wish, methods=["GET", "POST"]),
                Route("/models/{id}/activate", self.wish, methods=["POST"]),
                Route("/models/{id}/events", self.events),
                Route("/models/{id}/report", self.report),
                Route("/models/{id}/report.md", self.report),
                Route("/models/{id}/report/{picture}", self.report),
                Route("/models/{id}/activation", self.delete, methods=["DELETE"]),
                Route("/models/{id}", self.wish),
                Route("/models/{id}", self.delete, methods=["DELETE"]),
                Route("/readyz", self.readyz),
            ]
        )


def problem(status: int, code: str, detail: str, instance: str) -> Response:
    body = {
        "type": "about:blank", "title": "T", "status": status, "detail": detail, "code": code, "instance": instance,
    }  # fmt: skip
    return JSONResponse(body, status, media_type="application/problem+json")
