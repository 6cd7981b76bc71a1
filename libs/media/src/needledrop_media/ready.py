"""The worker's side of the template: one for each process, started with the first file or before, anew when it has
died."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass

from needledrop.errors import ErrorCode, MediaError
from needledrop_media.limits import Limits

START_S, ANSWER_S, END_S = 120.0, 10.0, 10.0
NUMBER_BYTES = 4
LONGEST_HELLO = 4096


@dataclass(frozen=True)
class Job:
    """A task for a decoder. The descriptors stay the caller's: the decoder gets copies."""

    task: str
    size: int
    limits: Limits
    source: int
    data: int
    stderr: int

    def request(self) -> bytes:
        return json.dumps({"task": self.task, "size": self.size, "limits": self.limits.to_json()}).encode()


class Decoder:
    """A running decoder, a child of the template's."""

    def __init__(self, process: int, line: socket.socket, template: Template) -> None:
        self.process = process
        self._line = line
        self._template = template

    def wait(self, timeout_s: float) -> int | None:
        """Its exit status (of signal n: −n); None where its template died. `TimeoutError` where it goes on."""
        self._line.settimeout(timeout_s)
        try:
            return _number(self._line)
        except ConnectionError:
            return None

    def end(self) -> None:
        """Kill it, and come back when it is gone."""
        try:
            self._line.shutdown(socket.SHUT_WR)
            self.wait(END_S)
        except TimeoutError:
            # With the template its decoders end, too.
            self._template.end()
        except OSError:
            pass  # It was gone already, and its template with it.
        finally:
            self._line.close()


class Template:
    """A template process, which may still be starting. `OSError` where the system has no process or descriptor left."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-s", "-m", "needledrop_media.template", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=_environment(),
                    # Ctrl-C and a service manager's signals are for the worker, which finishes the file at hand.
                    start_new_session=True,
                )
            except OSError:
                self._control.close()
                raise
        self._greeted = False

    def start(self, job: Job) -> Decoder:
        """`OSError` where the template is gone or doesn't answer."""
        if not self._greeted:
            self._hello()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                descriptors = [job.source, job.data, job.stderr, theirs.fileno()]
                socket.send_fds(self._control, [job.request()], descriptors)
            ours.settimeout(ANSWER_S)
            process = _number(ours)
            if process is None:
                raise ConnectionError
        except OSError:
            ours.close()
            raise
        return Decoder(process, ours, self)

    def end(self) -> None:
        """Kill it, and with it its decoders."""
        self._process.kill()
        self._process.wait()
        self._control.close()

    def forget(self) -> None:
        """Let go of it in a fork of the process that started it, whose child it is not."""
        self._control.close()
        self._process.returncode = 0

    def _hello(self) -> None:
        self._control.settimeout(START_S)
        answer = self._control.recv(LONGEST_HELLO)
        if not answer:
            raise ConnectionError
        self._control.settimeout(ANSWER_S)
        self._greeted = True
        if reason := json.loads(answer)["unfiltered"]:
            # What runs in the template imports the package, and must start without structlog.
            from needledrop.log import get_logger  # noqa: PLC0415

            get_logger(__name__).warning(
                "decoders run without a system call filter", reason=reason, see="docs/operations.md"
            )


class Templates:
    """Keeps this process's template. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._template: Template | None = None
        os.register_at_fork(after_in_child=self._forked)
        atexit.register(self.end)

    def prepare(self) -> None:
        """Begin to start a template, which takes some tenths of a second, where there is none. Returns at once.

        Where it can't be started, the first file tries again, and says so if it can't.
        """
        with self._lock, suppress(OSError):
            self._template = self._template or Template()

    def start(self, job: Job) -> Decoder:
        """A decoder at work on the job. `MediaError(decoder_crashed)` where none can be started."""
        with self._lock:
            if self._template:
                try:
                    return self._template.start(job)
                except OSError:
                    self._end()
            try:
                self._template = Template()
                return self._template.start(job)
            except OSError as error:
                self._end()
                raise MediaError(ErrorCode.DECODER_CRASHED, "the decoder could not be started") from error

    def end(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._template:
            self._template.end()
            self._template = None

    def _forked(self) -> None:
        self._lock = threading.Lock()
        if self._template:
            self._template.forget()
            self._template = None


templates = Templates()


def prepare() -> None:
    """Begin to start what decodes, so that it is there when the first file comes. Returns at once."""
    templates.prepare()


def _number(line: socket.socket) -> int | None:
    """The next number from the template; None where it will send no more."""
    received = bytearray()
    while len(received) < NUMBER_BYTES:
        part = line.recv(NUMBER_BYTES - len(received))
        if not part:
            return None
        received += part
    return int.from_bytes(received, signed=True)


def _environment() -> dict[str, str]:
    """Nothing of the worker's: where Python finds the same modules, and thrift with threads and address space."""
    return {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
