"""An API that dies around its commits."""

import random
import time
from collections.abc import Callable
from threading import Event, Thread

import httpx

from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.fleet import until
from tests.faults.stand_in import Order
from tests.faults.system import System, orders


def test_an_accepted_upload_has_its_row_whenever_the_api_is_killed(
    system: System, tell: Callable[[Outcome], None]
) -> None:
    dice = random.Random(SEED)
    accepted: dict[str, Order] = {}
    broken_off: list[Order] = []
    over = Event()

    def upload() -> None:
        while not over.is_set():
            [order] = orders(1)
            try:
                answer = system.post(order)
            except httpx.ConnectError:
                time.sleep(0.1)
                continue
            except httpx.TransportError:
                broken_off.append(order)
                continue
            assert answer.status_code == 202, answer.text
            accepted[str(answer.json()["id"])] = order

    threads = [Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    kills = sized(4, 60)
    try:
        for number in range(1, kills + 1):
            until(lambda wanted=number * 5: len(accepted) >= wanted, 120, "uploads are taken")  # type: ignore[misc]
            time.sleep(dice.uniform(0, 0.2))
            system.fleet.kill("api")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    until(system.ready, 60, "the API is ready again")
    rows = {str(row[0]) for row in system.rows("SELECT id FROM tracks WHERE id = ANY(%s)", list(accepted))}
    system.settle(accepted, sized(120, 600))
    tally = system.tally(accepted)
    note = f"{len(broken_off)} uploads broke off, {len(accepted) - len(rows)} accepted without a row"
    tell(Outcome(5, "SIGKILL of the API", tally.jobs, kills, tally.lost, tally.repeated, note=note))
    assert set(accepted) == rows
    assert (tally.lost, tally.repeated) == (0, 0)

    # An upload that broke off may be there or not; sending it again makes one track of it.
    again = {system.upload(order): order for order in broken_off}
    assert len(again) == len(broken_off)
    system.settle(again, sized(120, 600))
    assert system.tally(again).lost == 0
