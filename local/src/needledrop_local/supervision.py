"""When a part that ended by itself is started again, and when that is given up."""

import time
from collections import deque
from collections.abc import Callable

WITHIN_S = 120.0
RESTARTS = 5


class Restarts:
    """Counts how often parts were started again: `RESTARTS` times in `WITHIN_S` seconds are allowed to each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def allow(self, name: str) -> bool:
        """True where the part may be started again, which is then counted."""
        now = self._clock()
        times = self._times.setdefault(name, deque(maxlen=RESTARTS))
        if len(times) == RESTARTS and now - times[0] < WITHIN_S:
            return False
        times.append(now)
        return True
