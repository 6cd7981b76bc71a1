"""The worker's side of a decoding process: read from it against the clock, tell why it died, end it."""

import contextlib
import fcntl
import os
import select
import signal
import stat
import sys
import time
from pathlib import Path

from needledrop.errors import ErrorCode, MediaError
from needledrop_media.limits import Limits
from needledrop_media.ready import Job, templates
from needledrop_media.wire import EXIT_OUT_OF_MEMORY, HEADER, LARGEST_JSON, Kind, read_error

PIPE_BYTES = 1 << 20
LONGEST_STDERR = 4096
DEATH_S = 5.0


class DecoderProcess:
    """A running child. Every method raises `MediaError`; `stop` doesn't, and must be called in the end."""

    def __init__(self, path: Path, task: str, size: int, limits: Limits) -> None:
        self._stall_s = limits.stall_s
        self._wall_s = limits.wall_s
        source = _open(path)
        self._pipe, data = os.pipe()
        self._stderr, stderr = os.pipe()
        # The child drops what doesn't fit: nobody reads this pipe until it has died.
        os.set_blocking(stderr, False)
        os.set_blocking(self._stderr, False)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            self._decoder = templates.start(Job(task, size, limits, source, data, stderr))
        except MediaError:
            self._close()
            raise
        finally:
            for descriptor in (source, data, stderr):
                os.close(descriptor)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)

    def receive(self, data_bytes: int) -> tuple[Kind, bytearray]:
        """The next message; DATA of at most `data_bytes`. An ERROR message is raised."""
        start = time.monotonic()
        deadline = start + min(self._stall_s, self._wall_s)
        try:
            number, length = HEADER.unpack(self._read(HEADER.size, deadline))
            if number not in set(Kind) or length > (data_bytes if number == Kind.DATA else LARGEST_JSON):
                raise malformed()
            payload = self._read(length, deadline)
        finally:
            self._wall_s -= time.monotonic() - start
        if number == Kind.ERROR:
            raise _reported(payload)
        return Kind(number), payload

    def stop(self) -> None:
        """End the child, whatever it is doing, and let go of it."""
        self._decoder.end()
        self._close()

    def _close(self) -> None:
        for pipe in (self._pipe, self._stderr):
            os.close(pipe)

    def _read(self, count: int, deadline: float) -> bytearray:
        received = bytearray()
        while len(received) < count:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise MediaError(ErrorCode.DECODER_TIMEOUT, "the file takes too long to decode")
            part = os.read(self._pipe, count - len(received))
            if not part:
                raise self._death()
            received += part
        return received

    def _death(self) -> MediaError:
        """Why the child ended without saying so."""
        try:
            status = self._decoder.wait(DEATH_S)
        except TimeoutError:
            return MediaError(ErrorCode.DECODER_CRASHED, "the decoder closed its output and went on")
        if status is None:
            return MediaError(ErrorCode.DECODER_CRASHED, "the decoder was ended from outside")
        if status == EXIT_OUT_OF_MEMORY:
            return MediaError(ErrorCode.DECODER_LIMIT, "the file takes more memory than is allowed")
        if status == -signal.SIGXCPU:
            return MediaError(ErrorCode.DECODER_LIMIT, "the file takes more processor time than is allowed")
        self._log_death(status)
        how = f"of signal {-status}" if status < 0 else f"with exit status {status}"
        return MediaError(ErrorCode.DECODER_CRASHED, f"the decoder died {how}")

    def _log_death(self, status: int) -> None:
        # The child imports this module too, and must start without structlog.
        from needledrop.log import get_logger  # noqa: PLC0415

        with contextlib.suppress(BlockingIOError):
            text = os.read(self._stderr, LONGEST_STDERR).decode(errors="replace")
            get_logger(__name__).warning("decoder died", status=status, stderr=text)


def _open(path: Path) -> int:
    """A descriptor of a plain file that isn't empty. `MediaError`: `media_unreadable`, `media_empty`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise MediaError(ErrorCode.MEDIA_UNREADABLE, f"the file can't be opened: {error.strerror}") from error
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_size:
        return descriptor
    os.close(descriptor)
    if stat.S_ISREG(found.st_mode):
        raise MediaError(ErrorCode.MEDIA_EMPTY, "the file is empty")
    raise MediaError(ErrorCode.MEDIA_UNREADABLE, "this is no plain file")


def _reported(payload: bytearray) -> MediaError:
    try:
        return read_error(payload)
    except (ValueError, KeyError, TypeError) as error:
        raise malformed() from error


def malformed() -> MediaError:
    """The error for a child that breaks the protocol: it has been taken over, or its output is mixed with another's."""
    return MediaError(ErrorCode.DECODER_CRASHED, "the decoder sent what no decoder sends")
