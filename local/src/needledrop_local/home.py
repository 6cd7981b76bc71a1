"""A home: the folder that holds all of a running system's state, used by one system at a time."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from needledrop_local.errors import LocalError
from needledrop_local.process import Process

ENDS_WITHIN_S = 10.0


@dataclass(frozen=True)
class Home:
    """Where things lie under the folder `root`."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def media_url(self) -> str:
        return (self.root / "media").as_uri()

    @property
    def training(self) -> Path:
        return self.root / "training"

    @property
    def demo_bundle(self) -> Path:
        return self.root / "models" / "demo"

    def fresh_logs(self) -> Path:
        """The folder of logs, those of the run before renamed to `NAME.log.1`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.replace(log.with_name(f"{log.name}.1"))
        return self.logs

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others from this home; `LocalError` where one is there. Ends first what a killed owner left running."""
        self.run.mkdir(parents=True, exist_ok=True)
        with self._lock_file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LocalError(
                    f"Needledrop already runs in {self.root} (process {self._owner()}); `make down` stops it"
                ) from error
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            self._end_leftovers()
            yield
            self._processes_file.unlink(missing_ok=True)

    def owner(self) -> int | None:
        """The process id of the system that runs in this home, None where none does."""
        if not self._lock_file.exists():
            return None
        with self._lock_file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return self._owner()
        return None

    def record(self, processes: Iterable[Process]) -> None:
        """Note what runs, so that the next owner can end it should this one be killed."""
        entries = []
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                entries.append([process.name, process.pid, psutil.Process(process.pid).create_time()])
        staged = self._processes_file.with_suffix(".part")
        staged.write_text(json.dumps(entries))
        staged.replace(self._processes_file)

    @property
    def _lock_file(self) -> Path:
        return self.run / "lock"

    @property
    def _processes_file(self) -> Path:
        return self.run / "processes.json"

    def _owner(self) -> int:
        return int(self._lock_file.read_text().strip() or "0")

    def _end_leftovers(self) -> None:
        """End what is on record and still the same process: its start time tells it from a later one with its id."""
        if not self._processes_file.exists():
            return
        left = [found for entry in json.loads(self._processes_file.read_text()) if (found := _same(entry[1], entry[2]))]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
        _, alive = psutil.wait_procs(left, ENDS_WITHIN_S)
        for process in alive:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._processes_file.unlink()


def stop_owner(home: Home, within_s: float = 90.0) -> bool:
    """Ask the system that runs in this home to stop, and wait until it has; False where none runs."""
    owner = home.owner()
    if not owner:
        return False
    with suppress(ProcessLookupError):
        os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + within_s
    while home.owner() == owner:
        if time.monotonic() > deadline:
            raise LocalError(f"process {owner} does not stop")
        time.sleep(0.1)
    return True


def _same(pid: int, created: float) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.create_time() == created:
            return process
    return None
