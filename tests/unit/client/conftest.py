"""A small real server that answers as the API would."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from tests.unit.client.backend import Backend

from needledrop_client import client as client_module
from needledrop_client import training as training_module


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    monkeypatch.setattr(client_module, "POLL_S", 0.01)
    monkeypatch.setattr(training_module, "AGAIN_S", 0.01)
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
