"""One child process: in a session of its own, its output in a log file, stopped in bounded time with all it started."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from needledrop_local.account import Account
from needledrop_local.errors import LocalError, ProcessDiedError
from needledrop_local.interrupts import held

TAIL_LINES = 25
POLL_S = 0.05


@dataclass
class Process:
    """A command that can be started, watched, stopped and started again.

    `stop_steps` are the signals tried in turn and the seconds each gets, before the whole process group is killed.
    The session of its own keeps the terminal's Ctrl-C from it: whoever owns the process decides the order of stopping.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str]
    account: Account | None = None
    stop_steps: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 8.0),)
    _popen: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it; `LocalError` where the program can't be run. The log is appended to."""
        if self.running:
            return
        self.reap()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        identity = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}
        with held(), self.log.open("ab") as log:
            try:
                self._popen = subprocess.Popen(
                    list(self.command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(self.env),
                    start_new_session=True,
                    **identity,  # type: ignore[call-overload]
                )
            except OSError as error:
                raise LocalError(f"{self.name} can't be started: {self.command[0]}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """The process's id; `LocalError` where it was never started."""
        if self._popen is None:
            raise LocalError(f"{self.name} was not started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and not _has_ended(self._popen)

    def check(self) -> None:
        """`ProcessDiedError` where it has ended."""
        if self._popen is not None and _has_ended(self._popen):
            self.reap()
            raise ProcessDiedError(self.name, _status(self._popen.returncode), self.tail())

    def check_failed(self) -> None:
        """`ProcessDiedError` where it has ended with another status than 0."""
        if self._popen is not None and _has_ended(self._popen):
            self.reap()
            if self._popen.returncode != 0:
                raise ProcessDiedError(self.name, _status(self._popen.returncode), self.tail())

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (its log is empty)"

    def signal(self, number: signal.Signals) -> None:
        """Send the process itself a signal, if it runs."""
        if self._popen is not None and self.running:
            os.kill(self._popen.pid, number)

    def stop(self) -> None:
        """Stop it and all it started; returns when nothing of it is left."""
        stop_all([self])

    def kill(self) -> None:
        """End it and all it started at once, as a crash would."""
        self.signal(signal.SIGKILL)
        self.reap()

    def reap(self) -> None:
        """Kill what is left of its group, then collect its status: until then nobody else can get the group's id."""
        if self._popen is None or self._popen.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()


def stop_all(processes: Sequence[Process]) -> None:
    """Stop several at the same time, each by its own steps."""
    waiting = {id(process): (process, list(process.stop_steps), 0.0) for process in processes if process.running}
    while waiting:
        for key, (process, steps, deadline) in list(waiting.items()):
            if not process.running:
                del waiting[key]
            elif time.monotonic() >= deadline and steps:
                number, seconds = steps[0]
                process.signal(number)
                waiting[key] = (process, steps[1:], time.monotonic() + seconds)
            elif time.monotonic() >= deadline:
                del waiting[key]
        time.sleep(POLL_S)
    for process in processes:
        process.reap()


def run_to_end(processes: Sequence[Process], within_s: float, tick: Callable[[], None] = lambda: None) -> None:
    """Run several at the same time until all have ended well, `tick` being called often meanwhile.

    `ProcessDiedError` at once where one fails, `LocalError` where one takes too long; none is left running.
    """
    deadline = time.monotonic() + within_s
    try:
        for process in processes:
            process.start()
        while any(process.running for process in processes):
            for process in processes:
                process.check_failed()
            if time.monotonic() > deadline:
                raise LocalError(f"{processes[0].name} takes longer than {within_s:g} s\n{processes[0].tail()}")
            tick()
            time.sleep(POLL_S)
        for process in processes:
            process.check_failed()
    finally:
        stop_all(processes)


def wait_for(process: Process, answers: Callable[[], bool], within_s: float, every_s: float = POLL_S) -> None:
    """Wait until a server answers; `ProcessDiedError` where it ends instead, `LocalError` where it takes too long."""
    deadline = time.monotonic() + within_s
    while not answers():
        process.check()
        if time.monotonic() > deadline:
            raise LocalError(f"{process.name} does not answer after {within_s:g} s\n{process.tail()}")
        time.sleep(every_s)


def _has_ended(popen: subprocess.Popen[bytes]) -> bool:
    """True once the process has ended, without collecting it, so that its group's id can't be given away yet."""
    if popen.returncode is not None:
        return True
    try:
        return psutil.Process(popen.pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _status(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with status {returncode}"
