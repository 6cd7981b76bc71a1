"""A memory control group (Linux, v1 or v2): what the kernel ends processes in when they want more than is given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        _keep_from_swap(folder, limit_bytes)
        yield MemoryGroup(folder)
    finally:
        home = _home("memory" if first else "", parent)
        for process in (folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                (home / "cgroup.procs").write_text(process)
        folder.rmdir()


def _keep_from_swap(folder: Path, limit_bytes: int) -> None:
    """Leave no swap to the group, or it would grow there instead of being ended; each kernel offers one of these."""
    for name, value in (
        ("memory.swap.max", 0),
        ("memory.memsw.limit_in_bytes", limit_bytes),
        ("memory.swappiness", 0),
    ):
        if (folder / name).exists():
            (folder / name).write_text(str(value))
            return


def _home(controller: str, root: Path) -> Path:
    """Where this process is among the groups of a controller ("": those of v2), as far as they can be seen here."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") and (root / path.lstrip("/")).is_dir():
            return root / path.lstrip("/")
    return root
