import socket
import subprocess
from pathlib import Path

import pytest

from needledrop_local import ports
from needledrop_local.errors import LocalError
from needledrop_local.ports import free_port, is_free, require_free

ROOT = Path(__file__).parents[3]


def test_a_port_that_something_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(LocalError, match=f"port {port} .* is taken"):
            require_free(port)


def test_the_way_out_that_is_told_is_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(LocalError) as refused:
        require_free(server.getsockname()[1])
    _, _, told = str(refused.value).partition("choose one: ")
    port = told.rpartition("=")[2]
    done = subprocess.run([*told.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f'needledrop_local up --port "{port}"' in done.stdout


def test_without_a_port_the_usual_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    done = subprocess.run(["make", "up", "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "needledrop_local up" in done.stdout
    assert "--port" not in done.stdout


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    require_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)


def test_an_administrators_port_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LocalError, match="port 80 is the administrator's alone; choose one from 1024 on"):
        require_free(80)
