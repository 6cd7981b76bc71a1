"""`python -m needledrop_media.template CONTROL`: a process that is ready to decode, and forks a copy for each file.

Starting Python and importing FFmpeg takes some tenths of a second, a fork some milliseconds. The template itself never
looks at a file, holds nothing secret and has one thread. It serves one worker, through the socket CONTROL, and ends
when that closes, its decoders with it.
"""

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import struct
import sys
from dataclasses import dataclass

import av
import PIL.ImageFile  # noqa: F401 - Pillow would else import it when it makes a picture: by then nothing can be opened

from needledrop_media.child import Descriptors, run
from needledrop_media.confinement import filterable, name_process
from needledrop_media.limits import Limits

NOT_FOR_DECODING = {"av.__main__", "av.datasets"}
NUMBER = struct.Struct("!i")
LONGEST_REQUEST = 4096


@dataclass(frozen=True)
class Decoder:
    """A running copy, and the socket through which its worker learns its end or asks for it."""

    process: int
    line: socket.socket


class Template:
    def __init__(self, control: socket.socket, filtered: bool) -> None:
        self._control = control
        self._filtered = filtered
        self._decoders: list[Decoder] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._woken, wakes = socket.socketpair()
        for end in (self._woken, wakes):
            end.setblocking(False)
        self._wakes = wakes
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Fork, report ends, end on demand, until the worker is gone."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    if not self._start():
                        return
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    # Nothing is ever sent this way but the end: the worker has closed its side.
                    self._end(key.data)
            self._report_ends()

    def end_all(self) -> None:
        for decoder in self._decoders:
            os.kill(decoder.process, signal.SIGKILL)
            os.waitpid(decoder.process, 0)

    def _start(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, LONGEST_REQUEST, 4)
        if not message:
            return False
        *given, line = descriptors
        request = json.loads(message)
        here = os.getpid()
        process = os.fork()
        if not process:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            limits = Limits.from_json(request["limits"])
            run(request["task"], request["size"], limits, Descriptors(*given), here, self._filtered)
        for descriptor in given:
            os.close(descriptor)
        decoder = Decoder(process, socket.socket(fileno=line))
        self._decoders.append(decoder)
        self._selector.register(decoder.line, selectors.EVENT_READ, decoder)
        _tell(decoder.line, process)
        return True

    def _end(self, decoder: Decoder) -> None:
        """Safe until `_report_ends` has waited for it: its id is no one else's before."""
        self._selector.unregister(decoder.line)
        os.kill(decoder.process, signal.SIGKILL)

    def _report_ends(self) -> None:
        for decoder in list(self._decoders):
            process, status = os.waitpid(decoder.process, os.WNOHANG)
            if process:
                self._decoders.remove(decoder)
                if decoder.line in self._selector.get_map():
                    self._selector.unregister(decoder.line)
                _tell(decoder.line, os.waitstatus_to_exitcode(status))
                decoder.line.close()


def import_all() -> None:
    """Import what PyAV else imports when a file needs it."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if module.name not in NOT_FOR_DECODING:
            importlib.import_module(module.name)


def _tell(line: socket.socket, number: int) -> None:
    try:
        line.sendall(NUMBER.pack(number))
    except OSError:
        return  # The worker doesn't listen any more.


def main(descriptor: str) -> None:
    os.chdir("/")
    name_process("nd-template")
    control = socket.socket(fileno=int(descriptor))
    import_all()
    reason = filterable()
    template = Template(control, filtered=reason is None)
    # What is here now is shared by all copies; the collector must not touch, and so copy, it.
    gc.freeze()
    control.sendall(json.dumps({"unfiltered": reason}).encode())
    template.serve()
    template.end_all()


if __name__ == "__main__":
    main(sys.argv[1])
