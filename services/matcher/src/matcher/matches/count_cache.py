"""How many tracks a ranking holds: counted anew each time while that is cheap, else remembered for a minute."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

from fastapi import Request

from matcher.matches.repository.ranking import Counts

KEPT_S = 60.0
KEPT_FROM = 10_000
"""Windows. Counting fewer takes a millisecond or two."""
KEPT_MOST = 1000


@dataclass
class CountCache:
    """One a process. Safe to share between threads."""

    _lock: Lock = field(default_factory=Lock)
    _kept: dict[Hashable, tuple[float, Counts]] = field(default_factory=dict)

    def get(self, key: Hashable, count: Callable[[], Counts]) -> Counts:
        with self._lock:
            until, counts = self._kept.get(key, (0.0, Counts(0, 0)))
        if time.monotonic() < until:
            return counts
        counts = count()
        if counts.windows >= KEPT_FROM:
            with self._lock:
                if len(self._kept) >= KEPT_MOST:
                    self._kept.clear()
                self._kept[key] = (time.monotonic() + KEPT_S, counts)
        return counts


def count_cache_of(request: Request) -> CountCache:
    """The cache that the application holds."""
    found = request.app.state.count_cache
    assert isinstance(found, CountCache)
    return found
