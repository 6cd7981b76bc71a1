import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from needledrop_local.errors import LocalError
from needledrop_local.home import Home, stop_owner
from needledrop_local.process import Process

HOLD = """
import sys, time
from pathlib import Path
from needledrop_local.home import Home
with Home(Path(sys.argv[1])).lock():
    print("locked", flush=True)
    time.sleep(600)
"""


def sleeper(folder: Path) -> Process:
    return Process("worker", [sys.executable, "-c", "import time; time.sleep(600)"], folder / "log", dict(os.environ))


def test_a_home_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock():
        with pytest.raises(LocalError, match=f"process {os.getpid()}"), Home(tmp_path).lock():
            pass
        assert home.owner() == os.getpid()
    assert home.owner() is None
    with home.lock():
        pass


def test_the_owner_is_stopped_from_elsewhere(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout
    with holder.stdout:
        assert holder.stdout.readline() == b"locked\n"
        assert stop_owner(Home(tmp_path))
    assert holder.wait(30) != 0
    assert not stop_owner(Home(tmp_path))


def test_what_a_killed_owner_left_running_is_ended_by_the_next(tmp_path: Path) -> None:
    home, left = Home(tmp_path), sleeper(tmp_path)
    left.start()
    home.run.mkdir()
    home.record([left])
    with home.lock():
        assert not left.running
    left.reap()


def test_another_process_that_has_a_recorded_id_now_is_left_alone(tmp_path: Path) -> None:
    home, other = Home(tmp_path), sleeper(tmp_path)
    other.start()
    home.run.mkdir()
    home.record([other])
    record = home.run / "processes.json"
    created = psutil.Process(other.pid).create_time()
    record.write_text(record.read_text().replace(str(created), str(created - 100)))
    with home.lock():
        assert other.running
    other.stop()


def test_the_logs_of_the_run_before_are_kept_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for number in range(3):
        (home.fresh_logs() / "api.log").write_text(f"run {number}")
    assert (home.logs / "api.log.1").read_text() == "run 1"
