"""Looking at this process's decoders from outside, through /proc."""

import os
from pathlib import Path


def children() -> set[int]:
    """Process ids of the living decoders: the children of this process's template."""
    return {process for parent in templates() for process in _children_of(parent, "nd-decoder")}


def templates() -> set[int]:
    """Process ids of this process's templates; one at most, if all is well."""
    return _children_of(os.getpid(), "nd-template")


def _children_of(parent: int, name: str) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, fields = status.read_text().rpartition(")")
        except OSError:
            continue
        state, its_parent = fields.split()[:2]
        if int(its_parent) == parent and state != "Z" and head.partition("(")[2] == name:
            found.add(int(status.parent.name))
    return found


def peak_resident_bytes(process: int) -> int:
    """0 where the process is about to end."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def limit_of(process: int, name: str) -> str:
    """The soft limit, as /proc/PID/limits shows it."""
    lines = Path(f"/proc/{process}/limits").read_text().splitlines()
    return next(line[len(name) :].split()[0] for line in lines if line.startswith(name))
