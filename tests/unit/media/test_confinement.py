"""A decoder that was taken over can compute and answer, and nothing else."""

import errno
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from needledrop_media.confinement import filterable
from needledrop_media.syscalls import ARCHITECTURES, program
from tests.media_files import write_wave

DONE = {"allocate", "run a thread", "random numbers", "signal its own thread"}
ALLOWED, KILLED, REFUSED = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
# Straight from the kernel's tables, and not from the module under test.
FORBIDDEN = {
    "x86_64": {
        **{"open": 2, "openat": 257, "openat2": 437, "creat": 85, "unlink": 87, "rename": 82, "chmod": 90},
        **{"socket": 41, "connect": 42, "sendto": 44, "sendmsg": 46, "bind": 49, "socketpair": 53},
        **{"fork": 57, "vfork": 58, "execve": 59, "execveat": 322, "kill": 62, "tkill": 200, "rt_sigqueueinfo": 129},
        **{"ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_open": 434, "pidfd_getfd": 438},
        **{"io_uring_setup": 425, "bpf": 321, "unshare": 272, "setns": 308, "mount": 165, "memfd_create": 319},
        **{"prctl": 157, "setrlimit": 160, "setuid": 105, "ioctl": 16, "shmget": 29, "userfaultfd": 323, "keyctl": 250},
    },
    "aarch64": {
        **{"openat": 56, "openat2": 437, "unlinkat": 35, "renameat": 38, "fchmodat": 53},
        **{"socket": 198, "connect": 203, "sendto": 206, "sendmsg": 211, "bind": 200, "socketpair": 199},
        **{"execve": 221, "execveat": 281, "kill": 129, "tkill": 130, "rt_sigqueueinfo": 138},
        **{"ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_open": 434, "pidfd_getfd": 438},
        **{"io_uring_setup": 425, "bpf": 280, "unshare": 97, "setns": 268, "mount": 40, "memfd_create": 279},
        **{
            "prctl": 167,
            "setrlimit": 164,
            "setuid": 146,
            "ioctl": 29,
            "shmget": 194,
            "userfaultfd": 282,
            "keyctl": 219,
        },
    },
}
NEEDED = {
    "x86_64": {"read": 0, "write": 1, "lseek": 8, "munmap": 11, "brk": 12, "futex": 202, "exit_group": 231},
    "aarch64": {"read": 63, "write": 64, "lseek": 62, "munmap": 215, "brk": 214, "futex": 98, "exit_group": 94},
}
WITH_ARGUMENTS = {
    "x86_64": {"mmap": 9, "mprotect": 10, "clone": 56, "clone3": 435, "tgkill": 234, "prlimit64": 302},
    "aarch64": {"mmap": 222, "mprotect": 226, "clone": 220, "clone3": 435, "tgkill": 131, "prlimit64": 261},
}
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PROCESS = 4711


def decide(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter returns for a system call: an interpreter of the five instructions that it is made of."""
    data = struct.pack("=IIQ6Q", number, AUDIT[machine] if audit is None else audit, 0, *[*arguments, *[0] * 6][:6])
    steps = list(struct.iter_unpack("=HBBI", program(ARCHITECTURES[machine], PROCESS)))
    at = loaded = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
            at += if_true if holds else if_false


def test_the_kernel_of_this_machine_filters() -> None:
    assert filterable() is None


def test_a_confined_process_can_compute_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("secret")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    process = subprocess.run(
        [sys.executable, "-m", "tests.unit.media.confined", str(path)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    outcomes = json.loads(process.stdout)
    assert {name for name, number in outcomes.items() if number == 0} == DONE
    assert set(outcomes.values()) == {0, errno.EPERM}
    assert process.returncode == -signal.SIGABRT
    assert path.read_text() == "secret"


def test_where_the_kernel_refuses_a_filter_files_are_decoded_and_the_log_says_so(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((40_000, 1), np.int16))
    process = subprocess.run(
        [sys.executable, "-m", "tests.unit.media.unfiltered", str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.split()[-1] == "40000"
    (warning,) = [line for line in process.stdout.splitlines() if "without a system call filter" in line]
    assert os.strerror(errno.EINVAL) in warning
    assert "docs/operations.md" in warning


@pytest.mark.parametrize("machine", FORBIDDEN)
def test_the_filter_refuses_what_reaches_out(machine: str) -> None:
    refused = {name: decide(machine, number) for name, number in FORBIDDEN[machine].items()}
    assert refused == dict.fromkeys(refused, REFUSED)


@pytest.mark.parametrize("machine", NEEDED)
def test_the_filter_lets_computing_pass(machine: str) -> None:
    passed = {name: decide(machine, number) for name, number in NEEDED[machine].items()}
    assert passed == dict.fromkeys(passed, ALLOWED)


@pytest.mark.parametrize("machine", WITH_ARGUMENTS)
def test_the_filter_looks_at_arguments(machine: str) -> None:
    calls = WITH_ARGUMENTS[machine]
    read_write, executable = 3, 5
    assert decide(machine, calls["mmap"], 0, 4096, read_write) == ALLOWED
    assert decide(machine, calls["mmap"], 0, 4096, executable) == REFUSED
    assert decide(machine, calls["mprotect"], 0, 4096, read_write) == ALLOWED
    assert decide(machine, calls["mprotect"], 0, 4096, executable) == REFUSED
    a_thread, a_process = 0x3D0F00, 0x1200011
    assert decide(machine, calls["clone"], a_thread) == ALLOWED
    assert decide(machine, calls["clone"], a_process) == REFUSED
    assert decide(machine, calls["clone3"]) == 0x00050000 | errno.ENOSYS
    assert decide(machine, calls["tgkill"], PROCESS, PROCESS + 1, signal.SIGABRT) == ALLOWED
    assert decide(machine, calls["tgkill"], PROCESS - 1, PROCESS - 1, signal.SIGKILL) == REFUSED
    assert decide(machine, calls["prlimit64"], 0, 7, 0, 0x7FFF00000000) == ALLOWED
    assert decide(machine, calls["prlimit64"], PROCESS - 1, 7, 0, 0x7FFF00000000) == REFUSED
    assert decide(machine, calls["prlimit64"], 0, 7, 0x7FFF00000000, 0) == REFUSED
    assert decide(machine, calls["prlimit64"], 0, 7, 0xFFFF, 0) == REFUSED


@pytest.mark.parametrize("machine", AUDIT)
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    i386 = 0x40000003
    assert decide(machine, NEEDED[machine]["read"], audit=i386) == KILLED
    assert decide(machine, 0x40000000 | NEEDED[machine]["read"]) == KILLED
