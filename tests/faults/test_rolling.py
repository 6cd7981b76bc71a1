"""Every service restarted in turn while the system works."""

from collections.abc import Callable
from threading import Event, Thread

import httpx

from tests.faults.chaos import Outcome, sized
from tests.faults.fleet import GRACE_S, until
from tests.faults.stand_in import Order
from tests.faults.system import System, orders


def test_every_service_restarted_in_turn_loses_no_job_and_ends_within_its_grace(
    system: System, tell: Callable[[Outcome], None]
) -> None:
    uploaded: dict[str, Order] = {}
    over = Event()

    def upload() -> None:
        while not over.wait(0.3):
            [order] = orders(1, seconds=0.2)
            try:
                answer = system.post(order)
            except httpx.TransportError:
                continue
            if answer.status_code == 202:
                uploaded[str(answer.json()["id"])] = order

    thread = Thread(target=upload)
    thread.start()
    took: dict[str, float | None] = {}
    rounds = sized(1, 10)
    try:
        for _ in range(rounds):
            for name in ("dispatcher", "audio-1", "matcher-worker", "audio-2", "api"):
                took[name] = system.fleet.terminate(name)
        until(system.ready, 60, "the API is ready again")
    finally:
        over.set()
        thread.join()
    system.settle(uploaded, sized(120, 600))
    tally = system.tally(uploaded)
    note = ", ".join(f"{name} {seconds:.1f} s" if seconds else f"{name} not" for name, seconds in took.items())
    tell(Outcome(8, "TERM of every service", tally.jobs, 5 * rounds, tally.lost, tally.repeated, note=note))
    assert (tally.lost, tally.repeated) == (0, 0)
    assert all(took.values()), f"not within {GRACE_S:g} s"


def test_a_worker_told_to_stop_gives_back_what_it_cannot_finish(
    system: System, tell: Callable[[Outcome], None]
) -> None:
    [order] = orders(1, then="hang", first=True)
    asset = system.upload(order)
    until(lambda: system.job(asset)["state"] == "running", 60, "it is claimed")
    took = system.fleet.terminate(system.job(asset)["worker"])
    system.settle([asset], 60)
    job, tally = system.job(asset), system.tally({asset: order})
    tell(Outcome(8, "TERM in a long job", 1, 1, tally.lost, tally.repeated, note=f"ended in {took} s"))
    assert took is not None
    assert (job["state"], job["attempt"], job["tries"]) == ("done", 2, 1), "given back, and no try spent"


def test_an_open_event_stream_does_not_keep_the_api_from_stopping(
    system: System, tell: Callable[[Outcome], None]
) -> None:
    system.write(
        "INSERT INTO models (id, name, kind, bundle, untrained_backbones, audio_space, video_space, active, installed,"
        " state) VALUES ('watched', 'watched', 'va_metric2', 'none', false, 'a', 'v', false, false, 'training')"
    )
    try:
        with httpx.stream("GET", f"{system.url}/models/watched/events", timeout=60) as stream:
            lines = stream.iter_lines()
            assert "progress" in next(lines)
            took = system.fleet.terminate("api")
            # Ended as an answer is, where a broken off one is httpx's RemoteProtocolError.
            assert not any(line.startswith("event:") for line in lines), "no event that says an end"
    finally:
        system.write("DELETE FROM models WHERE id = 'watched'")
    until(system.ready, 60, "the API is ready again")
    tell(Outcome(8, "TERM with an open event stream", 1, 1, 0, 0, note=f"ended in {took} s"))
    assert took is not None
