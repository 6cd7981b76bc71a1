"""The stack with real servers and stand-ins for the project's own programs; with the real ones in tests/integration."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis
from rich.console import Console

from needledrop_local.errors import LocalError, ProcessDiedError
from needledrop_local.ports import free_port
from needledrop_local.stack import Stack
from needledrop_local.supervision import RESTARTS

pytestmark = pytest.mark.servers
SERVERS = {"redis", "db"}
RUN = """
import sys
from pathlib import Path
from needledrop_local import procfile
from needledrop_local.stack import Stack
procfile.PROGRAMS = Path(sys.argv[2])
home = Path(sys.argv[1])
with Stack(home, None, procfile=home / "Procfile") as stack:
    print(*stack.pids().values(), flush=True)
    import time
    time.sleep(600)
"""


@pytest.fixture
def home(server_folder: Path, programs: Path) -> Path:
    assert programs.is_dir()
    folder = server_folder / "home"
    (folder / "models" / "demo").mkdir(parents=True)
    (folder / "models" / "demo" / "bundle.json").write_text("{}")
    (folder / "Procfile").write_text("api: matcher api\nworker: matcher worker\n")
    return folder


def stack_of(home: Path, port: int | None = None, **env: str) -> Stack:
    return Stack(home, port, procfile=home / "Procfile", env=env, console=Console(quiet=True))


def test_all_that_is_started_answers_and_all_of_it_ends(home: Path) -> None:
    with stack_of(home, NEEDLEDROP_LEASE_S="7") as stack:
        pids = stack.pids()
        assert set(pids) == SERVERS | {"api", "worker"}
        environment = httpx.get(f"{stack.url}/readyz", timeout=60).json()
        assert environment["NEEDLEDROP_LEASE_S"] == "7"
        assert environment["NEEDLEDROP_RUN_DIR"] == str(home / "run")
        assert environment["NEEDLEDROP_MEDIA_URL"] == f"file://{home}/media"
        with psycopg.connect(environment["NEEDLEDROP_DATABASE_URL"].replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(environment["NEEDLEDROP_REDIS_URL"]) as client:
            assert client.ping()
        stack.check()
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_a_part_can_be_killed_and_started_without_being_taken_for_a_crash(home: Path) -> None:
    with stack_of(home) as stack:
        before = stack.pids()
        for name in before:
            stack.kill(name)
            stack.check()
            assert name not in stack.pids()
            stack.start(name)
        stack.restart("worker")
        stack.wait_ready()
        after = stack.pids()
        assert set(after) == set(before)
        assert not set(after.values()) & set(before.values())
        with pytest.raises(LocalError, match="no process “trainer”"):
            stack.kill("trainer")


def test_a_crash_is_noticed_by_name_and_the_rest_is_stopped(home: Path) -> None:
    def crash() -> None:
        with stack_of(home) as stack:
            pids.update(stack.pids())
            # Ready is who answers, which the worker does not: it may not even have said its first line.
            deadline = time.monotonic() + 30
            while not any(log.read_text() for log in home.rglob("worker.log")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            os.kill(pids["worker"], signal.SIGSEGV)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                stack.check()
                time.sleep(0.05)

    pids: dict[str, int] = {}
    with pytest.raises(ProcessDiedError) as caught:
        crash()
    assert caught.value.name == "worker"
    assert "SIGSEGV" in caught.value.detail
    assert "matcher worker" in caught.value.detail
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_a_part_that_breaks_at_start_is_named_and_nothing_is_left(home: Path) -> None:
    (home / "Procfile").write_text("worker: matcher worker\napi: matcher breaks\n")
    stack = stack_of(home)
    with pytest.raises(ProcessDiedError, match="it broke"):
        stack.__enter__()
    assert stack.pids() == {}


def test_a_port_that_is_taken_is_refused_before_anything_starts(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        stack = stack_of(home, port)
        with pytest.raises(LocalError, match=f"port {port}"):
            stack.__enter__()
    assert not (home / "db").exists()


def test_a_second_system_in_the_same_home_is_refused(home: Path) -> None:
    with stack_of(home), pytest.raises(LocalError, match="already runs"):
        stack_of(home).__enter__()
    with stack_of(home, free_port()) as stack:
        stack.check()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_stack_whose_owner_is_asked_to_end(
    home: Path, programs: Path, number: signal.Signals
) -> None:
    owner = subprocess.Popen([sys.executable, "-c", RUN, str(home), str(programs)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    with owner.stdout:
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 4
        owner.send_signal(number)
        assert owner.wait(60) != 0
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_what_a_killed_owner_left_is_ended_by_the_next_stack(home: Path, programs: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", RUN, str(home), str(programs)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    with owner.stdout:
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()
        owner.wait(60)
    assert all(psutil.pid_exists(pid) for pid in pids)
    with stack_of(home) as stack:
        assert not any(lives(pid) for pid in pids)
        stack.check()


def test_a_part_that_ended_by_itself_is_started_again_until_it_keeps_on_ending(home: Path) -> None:
    with stack_of(home) as stack:
        for _ in range(RESTARTS):
            before = stack.pids()["worker"]
            os.kill(before, signal.SIGKILL)
            wait_until_ended(stack, "worker")
            stack.tend()
            assert stack.pids()["worker"] != before
        os.kill(stack.pids()["worker"], signal.SIGKILL)
        wait_until_ended(stack, "worker")
        with pytest.raises(ProcessDiedError, match="worker"):
            stack.tend()
        stack.stop("worker")
        stack.tend()
        assert "worker" not in stack.pids(), "what was stopped stays so"


def lives(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody asked about yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until_ended(stack: Stack, name: str) -> None:
    deadline = time.monotonic() + 10
    while name in stack.pids():
        assert time.monotonic() < deadline
        time.sleep(0.02)
