"""Asking parts that may hang: each question has one thread, and nobody waits longer for it than they want to."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Answer_co = TypeVar("Answer_co", covariant=True)


class Probe(Generic[Answer_co]):
    """A question that is asked anew only when its last asking has ended, so that a part that hangs holds one thread."""

    def __init__(self, ask: Callable[[], Answer_co]) -> None:
        self._ask = ask
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._asked: Future[Answer_co] | None = None

    async def answer(self, within_s: float) -> Answer_co:
        """What it says, or raises; `TimeoutError` where that takes longer."""
        if self._asked is None or self._asked.done():
            self._asked = self._thread.submit(self._ask)
        answer = asyncio.wrap_future(self._asked)
        done, _ = await asyncio.wait({answer}, timeout=within_s)
        if not done:
            answer.add_done_callback(_let_go)
            raise TimeoutError
        return answer.result()


def _let_go(answer: "asyncio.Future[Any]") -> None:
    if not answer.cancelled():
        answer.exception()
