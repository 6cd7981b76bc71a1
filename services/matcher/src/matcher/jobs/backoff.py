"""How long a job waits before it is tried again."""

from datetime import timedelta

LONGEST = timedelta(minutes=10)


def pause(tries: int, first_s: float) -> timedelta:
    """After `tries` tries that failed: `first_s` seconds after the first, then twice as long each time."""
    doublings = min(tries - 1, 20)
    return min(LONGEST, timedelta(seconds=first_s * 2.0**doublings))
