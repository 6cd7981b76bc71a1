"""The API as a process of its own, over a database that a benchmark has filled."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from needledrop_local.ports import HOST, free_port

STARTED_WITHIN_S = 120.0


@contextmanager
def serving(database_url: str, redis_url: str) -> Iterator[str]:
    """The address, for as long as the block lasts."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="needledrop-bench-media-") as media:
        env = {
            **os.environ,
            "NEEDLEDROP_DATABASE_URL": database_url,
            "NEEDLEDROP_REDIS_URL": redis_url,
            "NEEDLEDROP_MEDIA_URL": Path(media).as_uri(),
            "NEEDLEDROP_HOST": HOST,
            "NEEDLEDROP_PORT": str(port),
            "NEEDLEDROP_LOG_LEVEL": "WARNING",
        }
        process = subprocess.Popen([str(Path(sys.executable).with_name("matcher")), "api"], env=env)
        try:
            address = f"http://{HOST}:{port}"
            _wait(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _wait(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + STARTED_WITHIN_S
    while True:
        try:
            httpx.get(f"{address}/healthz", timeout=2).raise_for_status()
        except httpx.HTTPError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
