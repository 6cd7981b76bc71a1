"""Ctrl-C and the signals that ask this process to end: all become `KeyboardInterrupt`, never at a bad moment.

Signal handlers belong to the whole process, and so does the state here.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class _State:
    holders: int = 0
    pending: bool = False


_state = _State()


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, each of `SIGNALS` raises `KeyboardInterrupt`. Only in the main thread: others get no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.pending = False
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Inside, an interrupt waits until the end of the block: between a process's start and our knowing of it, say."""
    _state.holders += 1
    try:
        yield
    finally:
        _state.holders -= 1
    if not _state.holders and _state.pending:
        _state.pending = False
        raise KeyboardInterrupt


@contextmanager
def ignored() -> Iterator[None]:
    """Inside, interrupts are dropped: stopping is bounded in time and must come to its end."""
    _state.holders += 1
    try:
        yield
    finally:
        _state.holders -= 1
        _state.pending = False


def _interrupt(_: int, __: FrameType | None) -> None:
    if _state.holders:
        _state.pending = True
    else:
        raise KeyboardInterrupt
