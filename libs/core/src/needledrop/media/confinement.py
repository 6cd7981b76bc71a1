"""What the child gives up before it looks at the file."""

import resource
import sys

from needledrop.media.limits import Limits

GRACE_CPU_S = 5


def confine(limits: Limits) -> None:
    """Bound this process for good. Called when all modules are imported and before the file's first byte is read.

    This is the place for a system call filter: from here on the process only reads the file's descriptor, writes to
    the pipe, allocates memory and runs threads.
    """
    if sys.platform == "linux":
        _bound(resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes)
    _bound(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + GRACE_CPU_S)
    _bound(resource.RLIMIT_FSIZE, 0, 0)
    _bound(resource.RLIMIT_CORE, 0, 0)
    _bound(resource.RLIMIT_NOFILE, limits.open_files, limits.open_files)


def _bound(kind: int, soft: int, hard: int) -> None:
    """Lower a limit; one that is lower already stays."""
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))
