"""`python -m tests.unit.media.confined FILE`: confine this process as a decoder is, then try what it must not do.

Writes a JSON object to standard output: what was tried, and the number of the error, 0 where it was done.
"""

import ctypes
import json
import os
import platform
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from needledrop_media.confinement import confine
from needledrop_media.limits import Limits

CALLS = {
    "x86_64": {"socket": 41, "execve": 59, "ptrace": 101, "process_vm_readv": 310, "mmap": 9, "prlimit64": 302},
    "aarch64": {"socket": 198, "execve": 221, "ptrace": 117, "process_vm_readv": 270, "mmap": 222, "prlimit64": 261},
}
NEWER = {"io_uring_setup": 425, "openat2": 437, "pidfd_open": 434}
READABLE_EXECUTABLE, PRIVATE_ANONYMOUS = 5, 0x22


def main(path: str) -> None:
    parent = os.getppid()
    here = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    numbers = CALLS[platform.machine()]

    def call(number: int, *arguments: int) -> Callable[[], None]:
        def now() -> None:
            if libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(value) for value in arguments)) == -1:
                raise OSError(ctypes.get_errno(), "")

        return now

    attempts: dict[str, Callable[[], object]] = {
        "open a file": lambda: os.open(path, os.O_RDONLY),
        "write a file": lambda: os.open(path, os.O_WRONLY | os.O_CREAT),
        "read the worker's environment": lambda: os.open(f"/proc/{parent}/environ", os.O_RDONLY),
        "read the worker's memory by file": lambda: os.open(f"/proc/{parent}/mem", os.O_RDONLY),
        "list a folder": lambda: next(Path("/").iterdir()),
        "remove a file": Path(path).unlink,
        "a TCP socket": lambda: socket.socket(socket.AF_INET),
        "a UNIX socket": lambda: socket.socket(socket.AF_UNIX),
        "a pair of sockets": socket.socketpair,
        "fork": os.fork,
        "start a program": lambda: os.execv("/bin/true", ["true"]),
        "signal the worker": lambda: os.kill(parent, 0),
        "signal itself by kill": lambda: os.kill(here, 0),
        "trace the worker": call(numbers["ptrace"], 16, parent, 0, 0),
        "read the worker's memory": call(numbers["process_vm_readv"], parent, 0, 0, 0, 0, 0),
        "executable memory": call(numbers["mmap"], 0, 4096, READABLE_EXECUTABLE, PRIVATE_ANONYMOUS, 2**64 - 1, 0),
        "change its own limits": call(numbers["prlimit64"], 0, 7, id(bytes(16)) + 32, 0),
        "read the worker's limits": call(numbers["prlimit64"], parent, 7, 0, id(bytes(16)) + 32),
        "io_uring": call(NEWER["io_uring_setup"], 1, 0),
        "openat2": call(NEWER["openat2"], 0, 0, 0, 0),
        "a handle on the worker": call(NEWER["pidfd_open"], parent, 0),
        "a memory file": lambda: os.memfd_create("x"),
        "allocate": lambda: bytearray(64 << 20),
        "run a thread": run_thread,
        "random numbers": lambda: os.urandom(8),
        "signal its own thread": lambda: signal.pthread_kill(threading.get_ident(), 0),
    }
    confine(Limits(), parent, filtered=True)
    sys.stdout.write(json.dumps({name: number_of_error(attempt) for name, attempt in attempts.items()}))
    sys.stdout.flush()
    libc.abort()


def run_thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def number_of_error(attempt: Callable[[], object]) -> int:
    try:
        attempt()
    except OSError as error:
        return error.errno or -1
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
