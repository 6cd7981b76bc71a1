"""Messages that come more than once, and workers that come back from the dead."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from needledrop.features import Modality
from needledrop.messages import Task
from needledrop.settings import CoreSettings
from needledrop_worker.celery import make_celery
from tests.extracting import extract_request
from tests.faults.chaos import Outcome, sized
from tests.faults.fleet import until
from tests.faults.system import LEASE_S, System, orders

Tell = Callable[[Outcome], None]
TIMES = 10
VISIBLE_S = 2


def effects(system: System, asset: str) -> list[Any]:
    """The rows that a job's result is, with their own ids: written anew, they would have others."""
    query = "SELECT id, start_s FROM embeddings WHERE track_id = %s ORDER BY start_s"
    return system.rows(query, asset)


def test_one_message_delivered_ten_times_at_once_has_one_effect(system: System, tell: Tell) -> None:
    uploaded = {system.upload(order): order for order in orders(sized(4, 100), seconds=0.3)}
    broker = make_celery("test", CoreSettings(redis_url=SecretStr(system.valkey.url)))
    for asset, order in uploaded.items():
        job = system.job(asset)
        job_id, space = UUID(str(job["id"])), job["space"]
        request = extract_request(job_id, job["attempt"], Modality.AUDIO, order.sha256, space)
        for _ in range(TIMES):
            broker.send_task(Task.JOB, args=[request.dump()], queue=Modality.AUDIO.value)
    system.settle(uploaded, sized(120, 600))
    before = {asset: effects(system, asset) for asset in uploaded}
    # What comes after these in the same queue has been read after them.
    last = {system.upload(order): order for order in orders(4)}
    system.settle(last, sized(180, 900))
    tally = system.tally(uploaded)
    rewritten = sum(effects(system, asset) != rows for asset, rows in before.items())
    attempts = {system.job(asset)["attempt"] for asset in uploaded}
    tell(
        Outcome(
            6, "each message ten times", tally.jobs, tally.jobs * TIMES, tally.lost, tally.repeated + rewritten,
            note=f"{tally.runs} runs",
        )
    )  # fmt: skip
    assert (tally.lost, tally.repeated, rewritten) == (0, 0, 0)
    assert attempts == {1}


def test_a_worker_paused_past_its_lease_and_resumed_changes_nothing(system: System, tell: Tell) -> None:
    rounds = sized(1, 8)
    uploaded = {}
    rewritten = 0
    for _ in range(rounds):
        [order] = orders(1, seconds=8)
        asset = system.upload(order)
        uploaded[asset] = order
        until(lambda asset=asset: system.job(asset)["state"] == "running", 60, "it is claimed")  # type: ignore[misc]
        paused = system.job(asset)["worker"]
        system.fleet.pause(paused)
        try:
            system.settle([asset], 10 * LEASE_S)
            job, rows = system.job(asset), effects(system, asset)
        finally:
            system.fleet.resume(paused)
        until(lambda job_id=str(job["id"]): _said_stale(system, job_id), 60, "what it says comes late")  # type: ignore[misc]
        rewritten += effects(system, asset) != rows
        assert system.job(asset) == job
        assert job["attempt"] == 2
        assert job["worker"] != paused
    tally = system.tally(uploaded)
    tell(Outcome(6, "paused past its lease", tally.jobs, rounds, tally.lost, tally.repeated + rewritten))
    assert (tally.lost, tally.repeated, rewritten) == (0, 0, 0)


def _said_stale(system: System, job_id: str) -> bool:
    """What the resumed worker says of the attempt it had: its result, or that its own hard limit ran out meanwhile."""
    events = ("stale result ignored", "stale failure ignored")
    lines = (json.loads(line) for line in system.fleet.log("matcher-worker").splitlines() if line.startswith("{"))
    return any(line["event"] in events and (line.get("job_id"), line.get("attempt")) == (job_id, "1") for line in lines)


def test_a_job_longer_than_the_visibility_timeout_has_no_second_effect(system: System, tell: Tell) -> None:
    hasty = ["hasty-1", "hasty-2"]
    for name in hasty:
        system.fleet.add_extractor(name, env={"NEEDLEDROP_FAULTS_VISIBILITY_S": str(VISIBLE_S)})
    try:
        for name in hasty:
            until(lambda name=name: "ready." in system.fleet.log(name), 60, f"{name} consumes")  # type: ignore[misc]
        uploaded = {system.upload(order): order for order in orders(sized(4, 40), seconds=4 * VISIBLE_S)}
        system.settle(uploaded, sized(120, 900))
        again = sum(system.fleet.log(name).count("delivered again") for name in system.fleet.names())
    finally:
        for name in hasty:
            system.fleet.remove(name)
    tally = system.tally(uploaded)
    attempts = [system.job(asset)["attempt"] for asset in uploaded]
    tell(
        Outcome(
            7, "longer than the visibility timeout", tally.jobs, again, tally.lost, tally.repeated,
            note=f"{again} delivered again, {tally.runs} runs, {sum(attempts)} attempts",
        )
    )  # fmt: skip
    assert again > 0, "the fault has to happen"
    assert (tally.lost, tally.repeated) == (0, 0)
