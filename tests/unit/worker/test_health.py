"""The canary, with a real worker's part played over a real broker."""

from pathlib import Path
from threading import Thread

import pytest
from celery import Celery
from pydantic import SecretStr

from needledrop.settings import CoreSettings
from needledrop_worker.celery import consume, make_celery
from needledrop_worker.health import beat, beating, canary_queue, healthy, install_canary, touch
from tests.embedded import Servers


@pytest.fixture
def settings(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CoreSettings:
    monkeypatch.setenv("NEEDLEDROP_RUN_DIR", str(tmp_path))
    return CoreSettings(redis_url=SecretStr(servers.valkey.url))


def worker(settings: CoreSettings) -> Celery:
    app = make_celery("test", settings)
    consume(app, canary_queue("test"))
    install_canary(app, "test")
    return app


def consume_one(app: Celery) -> None:
    """Take one message as a worker would, and run its task."""
    with app.connection_for_read() as connection, connection.SimpleQueue(canary_queue("test")) as queue:
        message = queue.get(timeout=10)
        args, kwargs, _ = message.payload
        app.tasks[message.headers["task"]](*args, **kwargs)
        message.ack()


def test_a_worker_that_consumes_its_queue_is_healthy(settings: CoreSettings) -> None:
    thread = Thread(target=consume_one, args=[worker(settings)])
    thread.start()
    assert healthy("test", settings)
    thread.join()


def test_a_worker_that_does_not_consume_is_not_healthy(settings: CoreSettings) -> None:
    assert not healthy("test", settings, answer_within_s=0.5)


def test_a_busy_worker_that_makes_progress_is_healthy(settings: CoreSettings) -> None:
    touch("test")
    assert healthy("test", settings, answer_within_s=0.1)


def test_a_process_beats_or_is_found_silent(settings: CoreSettings) -> None:
    assert not beating("test", 60)
    beat("test")
    assert beating("test", 60)
    assert not beating("test", 0)
