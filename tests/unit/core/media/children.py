"""Looking at this process's children from outside, through /proc."""

import os
from pathlib import Path


def children() -> set[int]:
    """Process ids of the living decoders among the children."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = status.with_name("cmdline").read_text().split("\0")
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and "needledrop.media.child" in command:
            found.add(int(status.parent.name))
    return found


def peak_resident_bytes(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def limit_of(process: int, name: str) -> str:
    """The soft limit, as /proc/PID/limits shows it."""
    lines = Path(f"/proc/{process}/limits").read_text().splitlines()
    return next(line[len(name) :].split()[0] for line in lines if line.startswith(name))
