import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from needledrop_local.errors import LocalError, ProcessDiedError
from needledrop_local.process import Process, run_to_end, stop_all, wait_for

# A shell's background job, as which the tests may run, hands down that SIGINT is ignored.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " signal.signal(signal.SIGINT, signal.default_int_handler); print('up', flush=True); time.sleep(600)"
)
WITH_CHILD = (
    "import subprocess, sys, time; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "print(child.pid, flush=True); time.sleep(600)"
)


def python(code: str, folder: Path, name: str = "worker") -> Process:
    return Process(name, [sys.executable, "-c", code], folder / f"{name}.log", dict(os.environ))


def wait_for_output(process: Process) -> str:
    deadline = time.monotonic() + 30
    while not (text := process.log.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return text


def test_output_of_both_kinds_goes_to_the_log(tmp_path: Path) -> None:
    process = python("import sys; print('to out'); print('to err', file=sys.stderr)", tmp_path)
    run_to_end([process], 30)
    assert sorted(process.log.read_text().split("\n")[:2]) == ["to err", "to out"]


def test_stopping_ends_the_process_and_it_can_start_again(tmp_path: Path) -> None:
    process = python("import time; time.sleep(600)", tmp_path)
    process.start()
    first = process.pid
    process.stop()
    assert not psutil.pid_exists(first)
    process.start()
    second = process.pid
    assert psutil.Process(second).status() != psutil.STATUS_ZOMBIE
    assert second != first
    process.stop()
    assert not process.running


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    process = python(STUBBORN, tmp_path)
    process.stop_steps = ((signal.SIGTERM, 0.2),)
    process.start()
    wait_for_output(process)
    process.stop()
    assert not psutil.pid_exists(process.pid)


def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    process = python(WITH_CHILD, tmp_path)
    process.start()
    child = psutil.Process(int(wait_for_output(process)))
    process.stop()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_several_are_stopped_at_the_same_time_each_by_its_own_steps(tmp_path: Path) -> None:
    stubborn = [python(STUBBORN, tmp_path, f"stubborn-{number}") for number in range(3)]
    for process in stubborn:
        process.stop_steps = ((signal.SIGTERM, 0.2), (signal.SIGINT, 20.0))
        process.start()
        wait_for_output(process)
    stop_all(stubborn)
    assert "KeyboardInterrupt" in stubborn[0].log.read_text()
    assert not any(psutil.pid_exists(process.pid) for process in stubborn)


def test_an_end_of_its_own_is_noticed_with_name_status_and_log(tmp_path: Path) -> None:
    process = python("raise SystemExit('the bundle is missing')", tmp_path, "matcher-worker")
    process.start()
    process.check()  # may still run; must not raise for that
    with pytest.raises(ProcessDiedError) as caught:
        wait_for(process, lambda: False, 30)
    assert caught.value.name == "matcher-worker"
    assert "status 1" in caught.value.detail
    assert "the bundle is missing" in caught.value.detail


def test_a_crash_is_noticed_with_its_signal(tmp_path: Path) -> None:
    process = python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    process.start()
    with pytest.raises(ProcessDiedError, match="SIGKILL"):
        wait_for(process, lambda: False, 30)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    process = python("import time; time.sleep(600)", tmp_path)
    process.start()
    with pytest.raises(LocalError, match="does not answer"):
        wait_for(process, lambda: False, 0.2)
    process.stop()


def test_one_that_fails_ends_the_others_of_a_run(tmp_path: Path) -> None:
    slow = python("import time; time.sleep(600)", tmp_path, "slow")
    failing = python("raise SystemExit(3)", tmp_path, "failing")
    with pytest.raises(ProcessDiedError, match="failing ended with status 3"):
        run_to_end([slow, failing], 60)
    assert not slow.running


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    slow = python("import time; time.sleep(600)", tmp_path, "slow")
    with pytest.raises(LocalError, match="longer than"):
        run_to_end([slow], 0.2)
    assert not slow.running


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = Process("api", ["/no/such/program"], tmp_path / "log", {})
    with pytest.raises(LocalError, match="/no/such/program"):
        process.start()
