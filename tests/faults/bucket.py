"""An S3 server of this process, and a proxy before it that makes the faults of networks and services."""

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Fault(StrEnum):
    ERROR_500 = "500"
    ERROR_503 = "503"
    HANG = "hangs"
    RESET = "resets"
    SHORT_PUT = "keeps half of a put"
    SHORT_GET = "sends half of a get"
    SLOW = "crawls"


@dataclass
class FaultyProxy:
    """`fault(method)`: what happens to the next request, None where it goes through."""

    target: tuple[str, int]
    fault: Callable[[str], Fault | None]
    hang_s: float
    faults: int = field(default=0, init=False)
    checksums: int = field(default=0, init=False)
    puts: int = field(default=0, init=False)
    _drawing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def log_message(self, *_: object) -> None:
                pass

            def do_any(self) -> None:
                proxy.serve(self)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do_any  # noqa: N815  http.server asks for these names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        fault = self._draw(request)
        match fault:
            case Fault.HANG:
                time.sleep(self.hang_s)
                request.close_connection = True
                return
            case Fault.RESET:
                request.close_connection = True
                return
            case Fault.ERROR_500 | Fault.ERROR_503:
                self._answer(request, int(fault), {}, b"")
                return
            case Fault.SHORT_PUT:
                body = body[: len(body) // 2]
        upstream = http.client.HTTPConnection(*self.target, timeout=60)
        # The signature covers the length and the hash of the body: a proxy that cuts it drops them, and moto asks not.
        dropped = {"content-length", "host", "connection", "x-amz-checksum-sha256", "x-amz-content-sha256"}
        headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
        upstream.request(request.command, request.path, body, headers)
        response = upstream.getresponse()
        content = response.read()
        skipped = {"content-length", "connection", "transfer-encoding", "date", "server"}
        kept = {name: value for name, value in response.getheaders() if name.lower() not in skipped}
        length = int(response.getheader("content-length") or 0) if request.command == "HEAD" else len(content)
        if fault is Fault.SHORT_GET:
            content = content[: len(content) // 2]
            request.close_connection = True
        self._answer(request, response.status, kept, content, length, slow=fault is Fault.SLOW)
        upstream.close()

    def _draw(self, request: BaseHTTPRequestHandler) -> Fault | None:
        """What happens to the request. Counted, one at a time: requests are served by several threads."""
        with self._drawing:
            if request.command == "PUT":
                self.puts += 1
                self.checksums += "x-amz-checksum-sha256" in request.headers
            fault = self.fault(request.command)
            self.faults += fault is not None
            return fault

    def _answer(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        body: bytes,
        length: int | None = None,
        *,
        slow: bool = False,
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        if request.command == "HEAD":
            return
        pieces = 20 if slow else 1
        size = len(body) // pieces + 1
        for start in range(0, len(body), size):
            request.wfile.write(body[start : start + size])
            if slow:
                time.sleep(0.02)
