"""A memory control group (Linux, v1 or v2): what the kernel ends processes in when they want more than is given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryGroup:
    folder: Path

    def add(self, process: int) -> None:
        """Bound this process, and those that it will start."""
        (self.folder / "cgroup.procs").write_text(str(process))

    @property
    def kills(self) -> int:
        """How many processes the kernel has ended here for memory."""
        for name in ("memory.events", "memory.oom_control"):
            path = self.folder / name
            if path.exists():
                return int(dict(line.split() for line in path.read_text().splitlines())["oom_kill"])
        raise AssertionError("the kernel does not count kills")


@contextmanager
def memory_group(name: str, limit_bytes: int) -> Iterator[MemoryGroup]:
    """A group of this name and limit, removed at the end; its processes go back to where this one is. Skips the test
    where this user may make none."""
    first = V1.is_dir()
    parent = V1 if first else V2
    folder = parent / f"needledrop-{os.getpid()}-{name}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"this user may make no memory control group: {error.strerror}")
    try:
        limit = folder / ("memory.limit_in_bytes" if first else "memory.max")
        if not limit.exists():
            pytest.skip("no memory controller here")
        limit.write_text(str(limit_bytes))
        yield MemoryGroup(folder)
    finally:
        for process in (folder / "cgroup.procs").read_text().split():
            (parent / "cgroup.procs").write_text(process)
        folder.rmdir()
