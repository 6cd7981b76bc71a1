"""When each decoded frame is shown, and which of them are seen at t = 0, 1, 2, … s."""

import heapq
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")
LEAP_FORWARD_S = 10
LEAP_BACK_S = 1


class Timeline:
    """Turns presentation timestamps into seconds since the first frame, exactly.

    A frame without a timestamp follows the one before it by that one's duration. Where a recording's clock starts anew
    (back by more than a second, or, in formats whose clock may leap, forward by more than ten) the time runs on.
    """

    def __init__(self, time_base: Fraction, frame_s: Fraction, clock_may_leap: bool) -> None:
        self._time_base = time_base
        self._frame_s = frame_s
        self._clock_may_leap = clock_may_leap
        self._origin: Fraction | None = None
        self._next = Fraction(0)
        self._latest = Fraction(0)

    def place(self, pts: int | None, duration: int | None) -> Fraction:
        """The time at which this frame, the next out of the decoder, is shown. `pts`, `duration`: in the time base."""
        time = self._next if pts is None else self._since_first(pts * self._time_base)
        self._latest = max(time, self._latest)
        self._next = time + (duration * self._time_base if duration and duration > 0 else self._frame_s)
        return time

    @property
    def frame_s(self) -> Fraction:
        """How long a frame is shown that doesn't say so."""
        return self._frame_s

    @property
    def end(self) -> Fraction:
        """The time at which the last frame's turn is over."""
        return max(self._next, self._latest)

    def _since_first(self, stamp: Fraction) -> Fraction:
        if self._origin is None:
            self._origin = stamp - self._next
        step = stamp - self._origin - self._latest
        if step < -LEAP_BACK_S or (self._clock_may_leap and step > LEAP_FORWARD_S):
            self._origin = stamp - self._next
        return stamp - self._origin


def in_order(frames: Iterable[tuple[Fraction, T]], depth: int) -> Iterator[tuple[Fraction, T]]:
    """The same frames by time, where none comes more than `depth` places late. Holds `depth` frames."""
    waiting: list[tuple[Fraction, int, T]] = []
    for number, (time, frame) in enumerate(frames):
        heapq.heappush(waiting, (time, number, frame))
        if len(waiting) > depth:
            first, _, ready = heapq.heappop(waiting)
            yield first, ready
    while waiting:
        first, _, ready = heapq.heappop(waiting)
        yield first, ready


def each_second(frames: Iterable[tuple[Fraction, T]]) -> Iterator[tuple[T, int]]:
    """The frames that are the first at or after one or more of t = 0, 1, 2, … s, and how many of these each serves."""
    second = 0
    for time, frame in frames:
        times = math.floor(time) - second + 1
        if times > 0:
            second += times
            yield frame, times


def nearest_each_second(frames: Iterable[tuple[Fraction, T]], seconds: int | None) -> Iterator[tuple[T, int]]:
    """The frames that are nearest to one or more of t = 0, 1, 2, … s, and to how many; the earlier of two as near.

    t < `seconds`; where that is not known, t up to the last frame's time.
    """
    second = 0
    held: tuple[Fraction, T] | None = None
    for time, frame in frames:
        if held:
            until = math.floor((held[0] + time) / 2) + 1
            times = (until if seconds is None else min(until, seconds)) - second
            if times > 0:
                second += times
                yield held[1], times
        held = time, frame
    if held:
        times = (math.floor(held[0]) + 1 if seconds is None else seconds) - second
        if times > 0:
            yield held[1], times
