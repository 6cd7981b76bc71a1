"""The system calls that a decoding process may make: a list of what is allowed, as a seccomp filter in classic BPF.

Whoever takes a decoder over can compute, and answer its parent. It can't open, connect, start, signal or trace
anything: not only are those calls refused, every call is that doesn't stand here (io_uring and what is yet to come
included). Numbers: Linux `asm/unistd_64.h` (x86-64) and `asm-generic/unistd.h` (aarch64); the filter's form:
`Documentation/userspace-api/seccomp_filter.rst`.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass

LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
X32_BIT = 0x40000000
CLONE_THREAD, PROT_EXEC, AT_EMPTY_PATH = 0x10000, 0x4, 0x1000
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
INSTRUCTION = struct.Struct("=HBBI")

# Reading and writing what is open already, memory, threads, time, this process's own signals, and the end.
FREE = (
    *("read", "write", "readv", "writev", "pread64", "lseek", "fstat", "fcntl", "dup", "close", "poll", "ppoll"),
    *("munmap", "mremap", "brk", "madvise"),
    *("futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "gettid", "getpid", "getcpu"),
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "getrandom", "getrusage"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "exit", "exit_group"),
)
X86_64 = {
    **{"read": 0, "write": 1, "readv": 19, "writev": 20, "pread64": 17, "lseek": 8, "fstat": 5, "fcntl": 72, "dup": 32},
    **{"close": 3, "poll": 7, "ppoll": 271, "munmap": 11, "mremap": 25, "brk": 12, "madvise": 28, "futex": 202},
    **{"set_robust_list": 273, "rseq": 334, "sched_yield": 24, "sched_getaffinity": 204, "gettid": 186, "getpid": 39},
    **{"getcpu": 309, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "nanosleep": 35},
    **{"gettimeofday": 96, "getrandom": 318, "getrusage": 98, "rt_sigaction": 13, "rt_sigprocmask": 14},
    **{"rt_sigreturn": 15, "sigaltstack": 131, "restart_syscall": 219, "exit": 60, "exit_group": 231},
    **{"newfstatat": 262, "mmap": 9, "mprotect": 10, "clone": 56, "clone3": 435, "tgkill": 234, "prlimit64": 302},
}
AARCH64 = {
    **{"read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67, "lseek": 62, "fstat": 80, "fcntl": 25},
    **{"dup": 23, "close": 57, "ppoll": 73, "munmap": 215, "mremap": 216, "brk": 214, "madvise": 233, "futex": 98},
    **{"set_robust_list": 99, "rseq": 293, "sched_yield": 124, "sched_getaffinity": 123, "gettid": 178, "getpid": 172},
    **{"getcpu": 168, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "nanosleep": 101},
    **{"gettimeofday": 169, "getrandom": 278, "getrusage": 165, "rt_sigaction": 134, "rt_sigprocmask": 135},
    **{"rt_sigreturn": 139, "sigaltstack": 132, "restart_syscall": 128, "exit": 93, "exit_group": 94},
    **{"newfstatat": 79, "mmap": 222, "mprotect": 226, "clone": 220, "clone3": 435, "tgkill": 131, "prlimit64": 261},
}


@dataclass(frozen=True)
class Architecture:
    """`audit`: the kernel's name for it (`linux/audit.h`)."""

    audit: int
    numbers: Mapping[str, int]


ARCHITECTURES = {"x86_64": Architecture(0xC000003E, X86_64), "aarch64": Architecture(0xC00000B7, AARCH64)}


class UnfilteredError(OSError):
    """This system has no such filter, or refuses to set one."""


def install(process: int) -> None:
    """Filter the calling thread's system calls for good. It has set no_new_privs, and its id is `process`.

    `UnfilteredError` where that can't be.
    """
    architecture = ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture is None:
        raise UnfilteredError(errno.ENOSYS, f"no filter is known for {sys.platform} on {platform.machine()}")
    code = ctypes.create_string_buffer(program(architecture, process))
    # struct sock_fprog; native alignment puts the pointer where the kernel looks for it.
    filtering = ctypes.create_string_buffer(
        struct.pack("@HP", len(code) // INSTRUCTION.size, ctypes.addressof(code)),
    )
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), filtering, 0, 0):
        raise UnfilteredError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def program(architecture: Architecture, process: int) -> bytes:
    """The filter: struct sock_filter after struct sock_filter."""
    numbers = architecture.numbers
    steps = [
        _load(ARCHITECTURE_AT),
        _step(JUMP_EQUAL, architecture.audit, 1, 0),
        _step(RETURN, KILL),
        _load(NUMBER_AT),
        _step(JUMP_GREATER_EQUAL, X32_BIT, 0, 1),
        _step(RETURN, KILL),
    ]
    for name in FREE:
        if name in numbers:
            steps += _rule(numbers[name], [_step(RETURN, ALLOW)])
    allowed_or_not = [_step(RETURN, REFUSE | errno.EPERM), _step(RETURN, ALLOW)]
    # Threads, no processes. clone3 keeps its flags where no filter sees them: the C library then falls back to clone.
    steps += _rule(numbers["clone"], [_load(_word(0)), _step(JUMP_ANY_BIT, CLONE_THREAD, 1, 0), *allowed_or_not])
    steps += _rule(numbers["clone3"], [_step(RETURN, REFUSE | errno.ENOSYS)])
    # No memory becomes code.
    for name in ("mmap", "mprotect"):
        steps += _rule(numbers[name], [_load(_word(2)), _step(JUMP_ANY_BIT, PROT_EXEC, 0, 1), *allowed_or_not])
    # fstat by another name.
    steps += _rule(numbers["newfstatat"], [_load(_word(3)), _step(JUMP_ANY_BIT, AT_EMPTY_PATH, 1, 0), *allowed_or_not])
    # abort() signals its own process.
    steps += _rule(numbers["tgkill"], [_load(_word(0)), _step(JUMP_EQUAL, process, 1, 0), *allowed_or_not])
    # Its own limits, to be read: process 0, no new values.
    steps += _rule(
        numbers["prlimit64"],
        [
            _load(_word(0)),
            _step(JUMP_EQUAL, 0, 0, 4),
            _load(_word(2)),
            _step(JUMP_EQUAL, 0, 0, 2),
            _load(_word(2) + 4),
            _step(JUMP_EQUAL, 0, 1, 0),
            *allowed_or_not,
        ],
    )
    return b"".join([*steps, _step(RETURN, REFUSE | errno.EPERM)])


def _rule(number: int, steps: list[bytes]) -> list[bytes]:
    """What becomes of the call with this number; every way through `steps` ends. The number stays loaded for others."""
    return [_step(JUMP_EQUAL, number, 0, len(steps)), *steps]


def _load(offset: int) -> bytes:
    return _step(LOAD_WORD, offset)


def _word(argument: int) -> int:
    """Where the lower half of an argument lies, on these two little-endian machines."""
    return ARGUMENTS_AT + 8 * argument


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return INSTRUCTION.pack(code, if_true, if_false, value)
