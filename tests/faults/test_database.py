"""A database that goes away and comes back while the system works."""

import random
import time
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread

import httpx

from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.fleet import until
from tests.faults.stand_in import Order
from tests.faults.system import System, orders

ANSWER_WITHIN_S = 20.0


class Load:
    """Uploads and reads for as long as the block runs; what was answered, and which uploads were accepted."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._over = Event()
        self._threads = [Thread(target=self._upload), Thread(target=self._read)]
        self.statuses: Counter[int | str] = Counter()
        self.accepted: dict[str, Order] = {}

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _upload(self) -> None:
        while not self._over.wait(0.1):
            [order] = orders(1)
            answer = self._ask(lambda order=order: self._system.post(order, timeout_s=ANSWER_WITHIN_S))  # type: ignore[misc]
            if answer is not None and answer.status_code == 202:
                self.accepted[str(answer.json()["id"])] = order

    def _read(self) -> None:
        while not self._over.wait(0.05):
            self._ask(lambda: httpx.get(f"{self._system.url}/audio", timeout=ANSWER_WITHIN_S))

    def _ask(self, request: Callable[[], httpx.Response]) -> httpx.Response | None:
        try:
            answer = request()
        except httpx.TransportError as error:
            self.statuses[type(error).__name__] += 1
            return None
        self.statuses[answer.status_code] += 1
        return answer


def test_a_database_restarted_under_load_costs_some_503s_and_no_job(
    system: System, tell: Callable[[Outcome], None]
) -> None:
    dice = random.Random(SEED)
    restarts = sized(3, 30)
    with Load(system) as load:
        for number in range(restarts):
            time.sleep(dice.uniform(2, 5) if restarts == 3 else dice.uniform(5, 40))
            if number % 2:
                system.postgres.process.kill()
            else:
                system.postgres.stop()
            time.sleep(1)
            system.postgres.start()
        until(system.ready, 60, "the API is ready again")
        before = load.statuses[202]
        until(lambda: load.statuses[202] > before, 30, "uploads are taken again")
    system.settle(load.accepted, sized(120, 900))
    tally = system.tally(load.accepted)
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(load.statuses.items(), key=str))
    tell(Outcome(4, "database restarted", tally.jobs, restarts, tally.lost, tally.repeated, note=answers))
    assert (tally.lost, tally.repeated) == (0, 0)
    assert set(load.statuses) <= {200, 202, 503}
    assert load.statuses[503] > 0
