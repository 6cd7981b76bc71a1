"""The API as a process of its own, over the embedded servers, without extractors."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import func, select

from matcher.db import Database
from matcher.models.service import register
from matcher.tables import Clip, Job, Model, Pair, Track
from needledrop_local.ports import free_port
from tests.api import MODEL
from tests.embedded import Servers

STARTS_WITHIN_S = 300
http = httpx.Client(timeout=120)
"""Patient: the machine may be busy with other things."""
TABLES = (Track, Clip, Pair, Job)


@dataclass
class RunningApi:
    """`media`: the folder of the media store."""

    port: int
    media: Path
    log: Path
    database: Database
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).parent / "matcher"), "api"],
                env=self.env,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "the API did not start"
            time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) << 10

    def rows(self) -> dict[str, int]:
        """How many tracks, clips, pairs and jobs there are."""
        with self.database.begin() as session:
            return {t.__tablename__: session.scalar(select(func.count()).select_from(t)) or 0 for t in TABLES}

    def files(self) -> set[str]:
        """Every file below the media folder, finished or not."""
        return {str(path.relative_to(self.media)) for path in self.media.rglob("*") if path.is_file()}

    def connect(self, send_buffer: int = 1 << 16) -> socket.socket:
        """A connection that holds little, so that what was sent was nearly read."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        client.settimeout(60)
        client.connect(("127.0.0.1", self.port))
        return client


@contextmanager
def running_api(servers: Servers, folder: Path, **settings: object) -> Iterator[RunningApi]:
    """Started, with a model installed and an empty library; ended afterwards. `settings`: as in MatcherSettings."""
    address = servers.fresh_database()
    database = Database(address)
    with database.begin() as session:
        register(session, Model(**MODEL))
    media, port = folder / "media", free_port()
    own = {
        "database_url": address,
        "redis_url": servers.valkey.url,
        "media_url": media.as_uri(),
        "port": port,
        "log_format": "console",
        **settings,
    }
    env = {**os.environ, **{f"NEEDLEDROP_{name.upper()}": str(value) for name, value in own.items()}}
    api = RunningApi(port, media, folder / "api.log", database, env)
    api.start()
    try:
        yield api
    finally:
        api.end()
        database.close()


def head(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode("latin-1")


def answer_of(client: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and problem of the answer; (0, {}) where the connection was cut without one."""
    data = b""
    try:
        while chunk := client.recv(1 << 16):
            data += chunk
    except (ConnectionError, TimeoutError):
        pass
    if not data:
        return 0, {}
    line, _, rest = data.partition(b"\r\n")
    body = rest.partition(b"\r\n\r\n")[2]
    return int(line.split()[1]), json.loads(body) if body.startswith(b"{") else {}


def send_until_refused(client: socket.socket, pieces: Iterator[bytes]) -> int:
    """Send until the server closes or answers; how many bytes went."""
    sent = 0
    try:
        for piece in pieces:
            client.sendall(piece)
            sent += len(piece)
            client.setblocking(False)
            try:
                if client.recv(1, socket.MSG_PEEK) is not None:
                    return sent
            except BlockingIOError:
                pass
            finally:
                client.settimeout(60)
    except ConnectionError:
        pass
    return sent
