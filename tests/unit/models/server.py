"""A web server on this machine whose every answer a test decides."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """How to answer one request: cut after so many bytes of the body, stall there, with another status, elsewhere.

    `total`: whether a range past the end is told the file's size.
    """

    status: int | None = None
    cut: int | None = None
    stall: bool = False
    location: str | None = None
    tag: str | None = '"1"'
    ranges: bool = True
    length: bool = True
    total: bool = True
    type: str = "application/octet-stream"
    encoding: str | None = None


@dataclass
class FileServer:
    """`files` by name; `plan`: how to answer the next requests, then plainly. `asked`: name and Range of each.

    `headers`: those of the last request. `hosts`: whom each asked for by a whole address, as a proxy is asked.
    """

    url: str
    files: dict[str, bytes]
    plan: list[Answer] = field(default_factory=list)
    usual: Answer = Answer()
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    hosts: list[str | None] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(files: dict[str, bytes], tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Serve the files until the block ends, over TLS if told how."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        state = FileServer(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", files)
        server.state = state  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            state.stalled.set()
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        state: FileServer = self.server.state  # type: ignore[attr-defined]
        name, wanted = self.path.rsplit("/", 1)[-1], self.headers.get("Range")
        state.asked.append((name, wanted))
        state.headers = dict(self.headers)
        state.hosts.append(urlsplit(self.path).hostname)
        how = state.plan.pop(0) if state.plan else state.usual
        if how.location:
            self._head(302, {"Location": how.location, "Content-Length": "0"})
        elif how.status or name not in state.files:
            self._head(how.status or 404, {"Content-Length": "0"})
        else:
            self._send(state, state.files[name], how, wanted)

    def _send(self, state: FileServer, body: bytes, how: Answer, wanted: str | None) -> None:
        headers = {"ETag": how.tag} if how.tag else {}
        start, status = 0, 200
        if wanted and how.ranges and self.headers.get("If-Range") == how.tag:
            start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
            if start >= len(body):
                told = {"Content-Range": f"bytes */{len(body)}"} if how.total else {}
                self._head(416, {**told, "Content-Length": "0"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if how.length:
            headers["Content-Length"] = str(len(body) - start)
        if how.encoding:
            headers["Content-Encoding"] = how.encoding
        self._head(status, {**headers, "Content-Type": how.type})
        self.wfile.write(body[start:] if how.cut is None else body[start : start + how.cut])
        if how.stall:
            self.wfile.flush()
            state.stalled.wait(20)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass
