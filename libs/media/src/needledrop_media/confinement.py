"""What a decoding process gives up before it looks at the file."""

import ctypes
import os
import resource
import signal
import sys

from needledrop_media import syscalls
from needledrop_media.limits import Limits
from needledrop_worker.memory import MOST, end_before_others

GRACE_CPU_S = 5
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_NO_NEW_PRIVS = 1, 15, 38


def confine(limits: Limits, parent: int, filtered: bool) -> None:
    """Bound this process for good, and tie its life to its parent's.

    Called when all modules are imported and before the file's first byte is read: from here on the process reads one
    descriptor, writes to two pipes, allocates memory and runs threads. `OSError` where the kernel refuses; whether it
    has a system call filter has been found out before (`filterable`).
    """
    if sys.platform == "linux":
        _control(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
        _control(PR_SET_NO_NEW_PRIVS, 1)
        # When memory is short, the kernel ends a decoder and not the worker with its model. Not all systems have it.
        end_before_others(MOST)
        _bound(resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes)
    _bound(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + GRACE_CPU_S)
    _bound(resource.RLIMIT_FSIZE, 0, 0)
    _bound(resource.RLIMIT_CORE, 0, 0)
    _bound(resource.RLIMIT_NOFILE, limits.open_files, limits.open_files)
    if filtered:
        syscalls.install(os.getpid())


def filterable() -> str | None:
    """None where system calls can be filtered, else why not. Tried in a process of its own, for the filter stays."""
    readable, writable = os.pipe()
    process = os.fork()
    if not process:
        try:
            _control(PR_SET_NO_NEW_PRIVS, 1)
            syscalls.install(os.getpid())
        except OSError as error:
            os.write(writable, f"{error.strerror}".encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as answer:
        reason = answer.read().decode()
    os.waitpid(process, 0)
    return reason or None


def name_process(name: str) -> None:
    """What `ps` and `top` call this process; at most 15 bytes."""
    if sys.platform == "linux":
        _control(PR_SET_NAME, ctypes.create_string_buffer(name.encode()))


def _control(option: int, value: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    argument = ctypes.c_ulong(value) if isinstance(value, int) else value
    if libc.prctl(option, argument, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _bound(kind: int, soft: int, hard: int) -> None:
    """Lower a limit; one that is lower already stays."""
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))
