"""Decodes a sound where the kernel takes no system call filter: `python -m tests.unit.media.unfiltered PATH`.

As under a container runtime that has a filter of its own and lets none be added. Prints how many samples there were.
"""

import ctypes
import errno
import platform
import struct
import sys
from pathlib import Path

from needledrop_media import open_audio

PRCTL = {"x86_64": 157, "aarch64": 167}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EINVAL
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16


def refuse_filters() -> None:
    """From here on this process and all that it starts can set no filter."""
    steps = [
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_EQUAL, 0, 3, PRCTL[platform.machine()]),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (JUMP_EQUAL, 0, 1, PR_SET_SECCOMP),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    filtering = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), filtering, zero, zero):
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    refuse_filters()
    with open_audio(Path(sys.argv[1])) as reader:
        print(sum(len(piece) for piece in reader))
