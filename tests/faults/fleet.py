"""The system's processes with stand-in extractors, each started again when it ends, as compose would."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, RLock, Thread

import psutil

from needledrop_local.process import Process, stop_all
from needledrop_local.procfile import resolve

ROOT = Path(__file__).resolve().parents[2]
AGAIN_AFTER_S = 0.3
GRACE_S = 30.0
"""`stop_grace_period` of docker-compose.yml."""


class Fleet:
    """Processes by name, supervised. A name's part before the dash and number says what it is: `audio-2`."""

    def __init__(self, env: Mapping[str, str], logs: Path) -> None:
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **env}
        self._logs = logs
        self._processes: dict[str, Process] = {}
        self._held: set[str] = set()
        self._lock = RLock()
        self._over = Event()
        self._supervisor = Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def add(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> None:
        """Run it until the fleet stops. Its name is the worker's name, its folder for signs of life its own."""
        run = self._logs / f"{name}.run"
        run.mkdir(parents=True, exist_ok=True)
        own = {"NEEDLEDROP_WORKER": name, "NEEDLEDROP_RUN_DIR": str(run)}
        process = Process(name, command, self._logs / f"{name}.log", {**self._env, **own, **(env or {})})
        with self._lock:
            self._processes[name] = process
            process.start()

    def add_extractor(self, name: str, modality: str = "audio", env: Mapping[str, str] | None = None) -> None:
        self.add(name, [sys.executable, "-m", "tests.faults.stand_in", modality], env)

    def add_command(self, name: str, *command: str, **env: str) -> None:
        self.add(name, resolve(list(command)), env)

    def names(self, prefix: str = "") -> list[str]:
        return [name for name in self._processes if name.startswith(prefix)]

    def pid(self, name: str) -> int:
        """Of its main process."""
        return self._processes[name].pid

    def log(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """SIGKILL to it and all it started; the supervisor starts it again."""
        with self._lock:
            self._processes[name].kill()

    def child(self, name: str) -> psutil.Process | None:
        """The worker's pool process; None where it has none."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._processes[name].pid).children():
                return child
        return None

    def kill_child(self, name: str) -> bool:
        """SIGKILL to the worker's pool process, as the kernel does when memory runs out; False where it has none."""
        with suppress(psutil.NoSuchProcess):
            if child := self.child(name):
                child.kill()
                return True
        return False

    def remove(self, name: str) -> None:
        """End it for good."""
        with self._lock:
            self._processes.pop(name).kill()

    def terminate(self, name: str) -> float | None:
        """SIGTERM, as a rolling restart does, and it is started again; seconds until it ended, None past the grace."""
        process = self._processes[name]
        with self._lock:
            self._held.add(name)
        started = time.monotonic()
        try:
            process.signal(signal.SIGTERM)
            while process.running and time.monotonic() - started < GRACE_S:
                time.sleep(0.05)
            return time.monotonic() - started if not process.running else None
        finally:
            with self._lock:
                process.reap()
                self._held.discard(name)

    def pause(self, name: str) -> None:
        """SIGSTOP to it and its pool processes."""
        self._signal_all(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._signal_all(name, signal.SIGCONT)

    def stop(self) -> None:
        self._over.set()
        self._supervisor.join()
        for process in self._processes.values():
            self._signal_all(process.name, signal.SIGCONT)
            process.stop_steps = ((signal.SIGTERM, 5.0),)
        stop_all(list(self._processes.values()))

    def _signal_all(self, name: str, number: signal.Signals) -> None:
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._processes[name].pid)
            for process in (main, *main.children(recursive=True)):
                process.send_signal(number)

    def _supervise(self) -> None:
        while not self._over.wait(AGAIN_AFTER_S):
            with self._lock:
                for name, process in self._processes.items():
                    if not process.running and name not in self._held:
                        process.start()


def until(holds: Callable[[], bool], within_s: float, what: str, every_s: float = 0.2) -> float:
    """Wait until it holds; how many seconds that took. `AssertionError` where it does not within `within_s`."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within_s, f"{what}: not within {within_s:g} s"
        time.sleep(every_s)
    return time.monotonic() - started
