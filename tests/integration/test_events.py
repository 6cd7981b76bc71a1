"""A model's server-sent events while it is trained, activated, deleted."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from matcher.embedding import reembedding
from matcher.training import events
from tests.api import Api
from tests.integration.activating import SteppedActivation, add_model, do_activation
from tests.integration.training import MadeUpFit, add_pairs, ask, trainer

WAIT_S = 60.0


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "POLL_S", 0.01)


def watched(api: Api, model: str, on_event: Callable[[str, dict[str, Any]], None]) -> list[tuple[str, dict[str, Any]]]:
    """All events to the end, each told to `on_event` as it comes."""
    told: list[tuple[str, dict[str, Any]]] = []

    async def collect() -> None:
        async for event in events.watch(api.database, model, anyio.Event()):
            told.append((event.event or "", json.loads(event.data or "")))
            on_event(*told[-1])

    asyncio.run(collect())
    return told


def test_every_epoch_is_told_and_the_last_event_says_done(api: Api, tmp_path: Path) -> None:
    add_pairs(api)
    model = ask(api)
    seen = {epoch: threading.Event() for epoch in (1, 2, 3)}

    def wait(epoch: int) -> None:
        assert seen[epoch].wait(WAIT_S)

    fit = MadeUpFit(wait)
    worker = threading.Thread(target=trainer(api, fit, tmp_path).work)

    def on_event(name: str, progress: dict[str, Any]) -> None:
        if not worker.is_alive() and name == "progress" and progress["epoch"] is None:
            worker.start()
        elif progress["epoch"]:
            seen[progress["epoch"]].set()

    told = watched(api, model, on_event)
    worker.join()
    assert [(name, progress["state"], progress["epoch"]) for name, progress in told] == [
        ("progress", "training", None),
        ("progress", "training", 1),
        ("progress", "training", 2),
        ("progress", "training", 3),
        ("done", "ready", 3),
    ]


def test_an_activation_is_told_by_its_coverage(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 1)
    for number in range(2):
        api.add_track(f"t{number}", [[number, 1, 2]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")

    activation = SteppedActivation(api)

    def one_asset(_: str, __: dict[str, Any]) -> None:
        activation.step()
        activation.step()

    told = watched(api, model, one_asset)
    assert [progress["coverage"]["embedded"] for _, progress in told] == [0, 1, 2, 2][: len(told)]
    assert told[0][1]["state"] == "embedding"
    assert (told[-1][0], told[-1][1]["active"]) == ("done", True)


def test_deleting_the_model_ends_its_events(api: Api) -> None:
    add_pairs(api)
    model = ask(api)

    def delete(name: str, _: dict[str, Any]) -> None:
        if name == "progress":
            api.client.delete(f"/models/{model}")

    told = watched(api, model, delete)
    assert [name for name, _ in told] == ["progress", "gone"]


def test_a_failed_activation_ends_its_events_as_failed(api: Api) -> None:
    track = api.add_track("a", [[1, 1, 1]])
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    job = api.job(track)
    for key in api.store.keys(f"features/{api.sha256(job)[:2]}/{api.sha256(job)}"):
        api.store.delete(key)

    told = watched(api, model, lambda *_: do_activation(api))
    assert (told[-1][0], told[-1][1]["error"]["code"]) == ("failed", "storage_missing")


def test_a_server_that_stops_ends_the_events_without_a_last_one(api: Api) -> None:
    add_pairs(api)
    model = ask(api)

    async def collect() -> list[str | None]:
        stopping = anyio.Event()
        told = []
        async for event in events.watch(api.database, model, stopping):
            told.append(event.event)
            stopping.set()
        return told

    assert asyncio.run(collect()) == ["progress"]
