"""A broker that forgets everything, stops, dies, goes silent, or is full."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.stand_in import Order
from tests.faults.system import System, orders, with_continued

AGAIN_WITHIN_S = 60.0
HALF_OPEN_AGAIN_WITHIN_S = 90.0
Tell = Callable[[Outcome], None]


@pytest.fixture
def client(system: System) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(system.valkey.url, socket_timeout=10) as client:
        yield client


def upload(system: System, count: int, seconds: float = 0.05) -> dict[str, Order]:
    return {system.upload(order): order for order in orders(count, seconds=seconds)}


def consumes_again(system: System, within_s: float = AGAIN_WITHIN_S) -> float:
    """Seconds until both extractors have done a job each, from now on: one may be consuming, and the other not."""
    started = time.monotonic()
    for attempt in range(20):
        probe = upload(system, 4, seconds=0.5)
        system.settle(probe, within_s - (time.monotonic() - started))
        workers = {system.job(asset)["worker"] for asset in probe}
        if attempt and len(workers) > 1:
            return time.monotonic() - started
    raise AssertionError(f"only {workers} did a job")


@contextmanager
def stopped(system: System) -> Iterator[None]:
    """The broker's process does not run inside: connections stay open, nothing is answered."""
    os.kill(system.valkey.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with_continued(system.valkey)


def conclude(system: System, tell: Tell, fault: str, uploaded: dict[str, Order], faults: int, again_s: float) -> None:
    system.settle(uploaded, sized(120, 900))
    tally = system.tally(uploaded)
    note = f"both workers again after {again_s:.0f} s; {tally.runs} runs"
    tell(Outcome(3, fault, tally.jobs, faults, tally.lost, tally.repeated, note=note))
    assert (tally.lost, tally.repeated) == (0, 0)


def test_a_broker_that_is_emptied_mid_run_loses_no_job(system: System, client: redis.Redis, tell: Tell) -> None:
    uploaded: dict[str, Order] = {}
    rounds = sized(3, 20)
    for _ in range(rounds):
        uploaded |= upload(system, sized(15, 30))
        time.sleep(0.5)
        client.flushall()
    conclude(system, tell, "broker FLUSHALL", uploaded, rounds, consumes_again(system))


def test_a_broker_that_stops_for_a_while_loses_no_job(system: System, tell: Tell) -> None:
    dice = random.Random(SEED)
    uploaded: dict[str, Order] = {}
    pauses = [3.0] if sized(1, 0) else [1.0, 60.0, *(dice.uniform(1, 60) for _ in range(6))]
    for seconds in pauses:
        uploaded |= upload(system, 15, seconds=0.2)
        with stopped(system):
            uploaded |= upload(system, 5)
            time.sleep(seconds)
    conclude(system, tell, f"broker stopped {sum(pauses):.0f} s", uploaded, len(pauses), consumes_again(system))


def test_a_broker_that_is_killed_and_comes_back_loses_no_job(system: System, tell: Tell) -> None:
    uploaded: dict[str, Order] = {}
    kills = sized(2, 15)
    again_s = 0.0
    for _ in range(kills):
        uploaded |= upload(system, 15, seconds=0.1)
        system.valkey.process.kill()
        time.sleep(sized(2, 10))
        system.valkey.start()
        again_s = max(again_s, consumes_again(system))
    conclude(system, tell, "broker SIGKILL", uploaded, kills, again_s)


def test_a_connection_that_goes_silent_is_given_up(system: System, tell: Tell) -> None:
    uploaded: dict[str, Order] = {}
    rounds = sized(1, 6)
    again_s = 0.0
    for _ in range(rounds):
        uploaded |= upload(system, 10, seconds=0.1)
        assert system.proxy.freeze() > 3
        again_s = max(again_s, consumes_again(system, HALF_OPEN_AGAIN_WITHIN_S))
    conclude(system, tell, "half-open connections", uploaded, rounds, again_s)


def test_a_broker_that_is_full_loses_no_job(system: System, client: redis.Redis, tell: Tell) -> None:
    policy = client.config_get("maxmemory-policy")
    assert next(iter(policy.values())) in {"noeviction", b"noeviction"}
    uploaded: dict[str, Order] = {}
    rounds = sized(1, 8)
    for _ in range(rounds):
        uploaded |= upload(system, 15, seconds=0.1)
        client.config_set("maxmemory", 1)
        uploaded |= upload(system, 5)
        time.sleep(sized(4, 20))
        client.config_set("maxmemory", 0)
    conclude(system, tell, "broker out of memory", uploaded, rounds, consumes_again(system))
