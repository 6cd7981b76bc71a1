"""When a worker ends itself: where it is deaf, and where its stopping takes too long."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker import state
from kombu.exceptions import OperationalError

from needledrop.settings import CoreSettings
from needledrop_worker import watchdog


class EndedError(Exception):
    """In place of the process's end; carries its status."""


@dataclass(eq=False)
class Request:
    """A request that the worker is at."""

    name: str
    args: list[Any] = field(default_factory=list)


class Canaries:
    """What becomes of one canary after the other: `answered`, `silent`, `broker gone`, `progress`; then `answered`,
    until so many have been sent that the test is over."""

    def __init__(self, *fates: str, rounds: int = 8) -> None:
        self._fates = [*fates, *["answered"] * (rounds - len(fates))]
        self.sent = 0

    def send(self, *_: object) -> str:
        if self.sent == len(self._fates):
            raise EndedError("over")
        self.sent += 1
        if self._fate == "broker gone":
            raise OperationalError("nobody there")
        return "nonce"

    def answered(self, *_: object) -> bool:
        return self._fate == "answered"

    def progressed(self, *_: object) -> bool:
        return self._fate == "progress"

    @property
    def _fate(self) -> str:
        return self._fates[self.sent - 1]


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Callable[[Canaries], str]:
    def end(status: int) -> None:
        raise EndedError(f"status {status}")

    def watch(canaries: Canaries) -> str:
        monkeypatch.setattr(watchdog, "send_canary", canaries.send)
        monkeypatch.setattr(watchdog, "answered", canaries.answered)
        monkeypatch.setattr(watchdog, "progressed", canaries.progressed)
        with pytest.raises(EndedError) as ended:
            watchdog._watch("audio-extractor", CoreSettings())
        return str(ended.value)

    monkeypatch.setattr(watchdog, "_end", end)
    monkeypatch.setattr(watchdog, "CHECK_EVERY_S", 0.0)
    monkeypatch.setattr(watchdog, "ANSWER_WITHIN_S", 0.01)
    return watch


@pytest.fixture
def busy() -> Iterator[Callable[..., None]]:
    """Requests that the worker is at; none when the test is over."""
    # Celery's set holds them weakly.
    held: list[Request] = []

    def at_work(*requests: Request) -> None:
        for request in requests:
            held.append(request)
            state.active_requests.add(request)

    yield at_work
    for request in held:
        state.active_requests.discard(request)


def test_a_worker_that_answers_lives(watching: Callable[[Canaries], str]) -> None:
    canaries = Canaries()
    assert watching(canaries) == "over"
    assert canaries.sent == 8


def test_a_worker_that_leaves_two_canaries_in_a_row_unanswered_ends(watching: Callable[[Canaries], str]) -> None:
    canaries = Canaries("answered", "silent", "silent")
    assert watching(canaries) == f"status {watchdog.STALLED}"
    assert canaries.sent == 3


@pytest.mark.parametrize("between", ["answered", "progress", "broker gone"])
def test_one_unanswered_canary_is_not_enough(watching: Callable[[Canaries], str], between: str) -> None:
    assert watching(Canaries("silent", between, "silent", between, "silent")) == "over"


def test_a_broker_that_is_gone_is_no_sign_of_deafness(watching: Callable[[Canaries], str]) -> None:
    assert watching(Canaries(*["broker gone"] * 8)) == "over"


def test_a_worker_at_work_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, watching: Callable[[Canaries], str], busy: Callable[..., None]
) -> None:
    rounds = []

    def sleep(_: float) -> None:
        rounds.append(1)
        if len(rounds) > 20:
            raise EndedError("over")

    monkeypatch.setattr(watchdog, "time", SimpleNamespace(sleep=sleep))
    busy(Request("extract"))
    canaries = Canaries("silent", "silent")
    assert watching(canaries) == "over"
    assert canaries.sent == 0


def test_stopping_in_time_gives_back_what_is_unfinished_and_kills_the_pool(
    monkeypatch: pytest.MonkeyPatch, busy: Callable[..., None]
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    statuses: list[int] = []
    given_back: list[tuple[str, list[Any]]] = []
    monkeypatch.setattr(watchdog, "active_children", lambda: [SimpleNamespace(pid=child.pid)])
    monkeypatch.setattr(os, "_exit", statuses.append)
    busy(Request("extract", [{"job_id": "1"}]), Request("extract", [{"job_id": "2"}]))
    try:
        watchdog._stop(0.0, lambda task, args: given_back.append((task, args)))
        assert child.wait(timeout=10) == -signal.SIGKILL
    finally:
        child.kill()
    assert sorted(given_back, key=str) == [("extract", [{"job_id": "1"}]), ("extract", [{"job_id": "2"}])]
    assert statuses == [0]


def test_a_broker_that_is_gone_does_not_keep_a_worker_from_stopping(
    monkeypatch: pytest.MonkeyPatch, busy: Callable[..., None]
) -> None:
    statuses: list[int] = []
    asked: list[str] = []
    monkeypatch.setattr(watchdog, "active_children", list)
    monkeypatch.setattr(os, "_exit", statuses.append)
    busy(Request("first"), Request("second"))

    def give_back(task: str, _: list[Any]) -> None:
        asked.append(task)
        raise OperationalError("nobody there")

    watchdog._stop(0.0, give_back)
    assert sorted(asked) == ["first", "second"]
    assert statuses == [0]
