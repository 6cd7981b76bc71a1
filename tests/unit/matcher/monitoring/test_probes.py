import asyncio
import threading

import pytest

from matcher.monitoring.probes import Probe


def test_an_answer_is_passed_on_and_so_is_an_error() -> None:
    def fail() -> None:
        raise ValueError("down")

    assert asyncio.run(Probe(lambda: 7).answer(10)) == 7
    with pytest.raises(ValueError, match="down"):
        asyncio.run(Probe(fail).answer(10))


def test_a_question_that_hangs_is_not_asked_again_until_it_ends() -> None:
    asked, ended = [], threading.Event()

    def hang() -> str:
        asked.append(threading.get_ident())
        ended.wait(30)
        return "awake"

    probe = Probe(hang)

    async def ask() -> str:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await probe.answer(0.01)
        ended.set()
        return await probe.answer(30)

    assert asyncio.run(ask()) == "awake"
    assert len(set(asked)) == 1
    assert len(asked) <= 2
