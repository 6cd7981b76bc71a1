"""Workers that die: killed at random points, for memory, at the limit of their time, again and again."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from needledrop_worker.memory import POOL_PROCESS_SCORE
from tests.faults.chaos import LONG, SEED, Outcome, sized
from tests.faults.memory_group import memory_group
from tests.faults.stand_in import Order
from tests.faults.system import HARD_LIMIT_S, MAX_ATTEMPTS, System, orders

BOUND_BYTES = 600 << 20
"""For each audio worker: more than it needs, and less than is eaten."""

Tell = Callable[[Outcome], None]


def test_workers_killed_at_random_points_lose_no_job(system: System, tell: Tell) -> None:
    dice = random.Random(SEED)
    uploaded: dict[str, Order] = {}
    wanted = orders(sized(100, 1000), seconds=0.5)
    upload = Thread(target=lambda: [uploaded.update({system.upload(order): order}) for order in wanted])
    upload.start()
    workers = ["audio-1", "audio-2", "audio-1", "audio-2", "matcher-worker", "dispatcher"]
    faults = 0
    while faults < sized(8, 150):
        time.sleep(dice.uniform(0.5, 4.0))
        system.fleet.kill(dice.choice(workers) if LONG else workers[faults % len(workers)])
        faults += 1
    upload.join()
    system.settle(uploaded, sized(180, 1800))
    tally = system.tally(uploaded)
    tell(Outcome(1, "SIGKILL of workers", tally.jobs, faults, tally.lost, tally.repeated, note=f"{tally.runs} runs"))
    assert (tally.lost, tally.repeated) == (0, 0)


def test_a_job_whose_pool_child_is_killed_is_tried_again_by_the_worker_that_lives(system: System, tell: Tell) -> None:
    uploaded = {system.upload(order): order for order in orders(sized(4, 40), then="kill", first=True)}
    system.settle(uploaded, sized(120, 1200))
    tally = system.tally(uploaded)
    tell(
        Outcome(
            2, "pool child SIGKILLed", tally.jobs, tally.jobs, tally.lost, tally.repeated, note=f"{tally.runs} runs"
        )
    )
    assert (tally.lost, tally.repeated) == (0, 0)
    assert tally.runs >= 2 * tally.jobs, "the fault has to happen"


def test_a_job_whose_pool_child_the_kernel_ends_for_memory_is_tried_again(system: System, tell: Tell) -> None:
    workers = system.fleet.names("audio")
    before = {worker: system.fleet.pid(worker) for worker in workers}
    with ExitStack() as stack:
        groups = [stack.enter_context(memory_group(worker, BOUND_BYTES)) for worker in workers]
        for worker, group in zip(workers, groups, strict=True):
            group.add(system.fleet.pid(worker))
            assert system.fleet.kill_child(worker), "the next one is born in the group"
        uploaded = {system.upload(order): order for order in orders(sized(2, 10), then="eat", first=True)}
        system.settle(uploaded, sized(120, 600))
        kills = sum(group.kills for group in groups)
    tally = system.tally(uploaded)
    note = f"{tally.runs} runs"
    tell(Outcome(2, "pool child ended for memory", tally.jobs, kills, tally.lost, tally.repeated, note=note))
    assert kills >= tally.jobs, "the fault has to happen"
    assert (tally.lost, tally.repeated) == (0, 0)
    assert {worker: system.fleet.pid(worker) for worker in workers} == before, "the workers live"


def test_the_kernel_would_end_a_pool_child_before_its_worker(system: System) -> None:
    child = system.fleet.child("audio-1")
    assert child
    scores = [
        int(Path(f"/proc/{process}/oom_score_adj").read_text()) for process in (child.pid, system.fleet.pid("audio-1"))
    ]
    assert scores[0] == min(1000, scores[1] + POOL_PROCESS_SCORE)


def test_jobs_that_always_crash_or_hang_are_given_up_with_a_reason_while_others_flow(
    system: System, tell: Tell
) -> None:
    crashing = {system.upload(order): order for order in orders(1, then="kill")}
    hanging = {system.upload(order): order for order in orders(1, then="hang")}
    hungry = {system.upload(order): order for order in orders(1, then="memory")}
    unreadable = {system.upload(order): order for order in orders(1, then="unreadable")}
    others: dict[str, Order] = {}
    for order in orders(sized(20, 200)):
        others[system.upload(order)] = order
    system.settle([*unreadable, *others], sized(120, 600))
    open_still = [system.job(asset)["state"] for asset in (*crashing, *hanging)]
    system.settle([*crashing, *hanging, *hungry], MAX_ATTEMPTS * (HARD_LIMIT_S + 30))
    tally = system.tally(others)
    ended = {
        name: [(job["state"], job["error_code"], job["tries"]) for job in map(system.job, assets)]
        for name, assets in (
            ("crash", crashing), ("hang", hanging), ("memory", hungry), ("unreadable", unreadable),
        )
    }  # fmt: skip
    states = ", ".join(f"{name} {state}" for name, [(state, *_)] in ended.items())
    faults = 3 * MAX_ATTEMPTS + 1
    tell(Outcome(2, "bad files among good ones", tally.jobs + 4, faults, tally.lost, tally.repeated, note=states))
    assert (tally.lost, tally.repeated) == (0, 0)
    assert set(open_still) <= {"queued", "running"}, "the others did not wait for them"
    assert ended == {
        "crash": [("dead", "lease_expired", MAX_ATTEMPTS)],
        "hang": [("dead", "task_timeout", MAX_ATTEMPTS)],
        "memory": [("dead", "out_of_memory", MAX_ATTEMPTS)],
        "unreadable": [("failed", "media_unreadable", 1)],
    }
