"""Health of a worker that proves work is consumed: a canary goes through the worker's own queue and pool.

Each worker also consumes a queue of its own, named after its host or `NEEDLEDROP_WORKER`. `needledrop-health` puts a
canary there and waits for the pool child to write its nonce to a file. A worker whose child is busy can't answer, so
recent progress counts as well.
"""

import os
import socket
import sys
import tempfile
import time
import uuid
from pathlib import Path

from celery import Celery

from needledrop.errors import SettingsError
from needledrop.messages import Task
from needledrop.settings import CoreSettings
from needledrop_worker.celery import make_celery

ANSWER_WITHIN_S = 10.0
PROGRESS_WITHIN_S = 60.0


def worker_name() -> str:
    """What tells this worker from others of its service: `NEEDLEDROP_WORKER`, else the host's name."""
    return os.environ.get("NEEDLEDROP_WORKER") or socket.gethostname()


def canary_queue(service: str) -> str:
    """The queue that only this worker of the service consumes."""
    return f"health.{service}.{worker_name()}"


def install_canary(app: Celery, service: str) -> None:
    """Register the canary task on a worker's app."""

    def canary(nonce: str) -> None:
        _write(_file(service, "canary"), nonce)

    app.task(name=Task.CANARY, expires=ANSWER_WITHIN_S)(canary)


def touch(service: str) -> None:
    """Say that the worker's child is getting on with its job."""
    _write(_file(service, "progress"), "")


def beat(service: str) -> None:
    """Say that a process without a queue of its own has done a round of its work."""
    _write(_file(service, "beat"), "")


def beating(service: str, within_s: float) -> bool:
    """True where `beat` was called within the last seconds."""
    return _age(_file(service, "beat")) < within_s


def healthy(service: str, settings: CoreSettings, answer_within_s: float = ANSWER_WITHIN_S) -> bool:
    """True where this worker made progress within the last minute, or now answers a canary."""
    if progressed(service, PROGRESS_WITHIN_S):
        return True
    nonce = send_canary(make_celery(f"{service}-health", settings), service, answer_within_s)
    deadline = time.monotonic() + answer_within_s
    while time.monotonic() < deadline:
        if answered(service, nonce):
            return True
        time.sleep(0.1)
    return False


def send_canary(app: Celery, service: str, answer_within_s: float) -> str:
    """Put a canary into this worker's own queue; its nonce. Tries once, over a connection of its own."""
    nonce = uuid.uuid4().hex
    with app.connection_for_write() as connection:
        app.send_task(
            Task.CANARY,
            args=[nonce],
            queue=canary_queue(service),
            expires=answer_within_s,
            connection=connection,
            retry=False,
        )
    return nonce


def answered(service: str, nonce: str) -> bool:
    """True where the worker's pool process has read the canary."""
    answer = _file(service, "canary")
    return answer.is_file() and answer.read_text() == nonce


def progressed(service: str, within_s: float) -> bool:
    """True where the worker's child got on with a job within the last seconds."""
    return _age(_file(service, "progress")) < within_s


def main() -> None:
    """`needledrop-health SERVICE`: exit status 0 where `healthy`, else 1."""
    try:
        settings = CoreSettings()
    except SettingsError as error:
        sys.exit(str(error))
    sys.exit(0 if healthy(sys.argv[1], settings) else 1)


def _file(service: str, what: str) -> Path:
    folder = Path(os.environ.get("NEEDLEDROP_RUN_DIR", tempfile.gettempdir()))
    return folder / f"needledrop-{service}.{what}"


def _write(path: Path, text: str) -> None:
    staged = path.with_name(f"{path.name}.{os.getpid()}")
    staged.write_text(text)
    staged.replace(path)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
