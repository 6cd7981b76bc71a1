"""Models for the tests of activation, and the trainer's part in it."""

from collections.abc import Callable
from threading import Semaphore, Thread
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from matcher.jobs.attempt import Claim
from matcher.jobs.kind import ClaimedKind
from matcher.jobs.runner import JobRunner
from matcher.registry.model_jobs import ModelJob
from matcher.tables import Job, JobState, Model, ModelState
from tests.api import LOPSIDED, MADE_UP_KINDS, MODEL, Api

STEP_WITHIN_S = 60.0


def add_model(api: Api, **changes: Any) -> str:
    """A model as a training leaves it, in the spaces of the one in use unless `changes` say otherwise."""
    made: dict[str, Any] = {
        **MODEL,
        "id": f"trained-{uuid4().hex[:8]}",
        "name": "mine",
        "kind": LOPSIDED,
        "state": ModelState.READY,
        "files": {"metric.json": "0" * 64},
        **changes,
    }
    with api.database.begin() as session:
        session.add(Model(**made))
    return str(made["id"])


def activation_is_queued(api: Api) -> bool:
    with api.database.begin() as session:
        query = select(Job.id).where(Job.kind == ModelJob.ACTIVATE, Job.state == JobState.QUEUED)
        return session.scalar(query) is not None


def runner(api: Api, alive: Callable[[], None] = lambda: None) -> JobRunner:
    """`alive` is called before an activation's first assets, and after each few of them."""
    return JobRunner(api.resources, MADE_UP_KINDS, alive)


def claim_activation(api: Api) -> Claim | None:
    kind = MADE_UP_KINDS[ModelJob.ACTIVATE]
    assert isinstance(kind, ClaimedKind)
    return runner(api).claim(kind)


def do_activation(api: Api, alive: Callable[[], None] = lambda: None) -> None:
    """Do the activation that is queued, if any, as the trainer does."""
    claim = claim_activation(api)
    if claim:
        runner(api, alive).run(claim)


class SteppedActivation:
    """The activation that is queued, in a thread that waits at each sign of life to be let on."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._let_on, self._waits = Semaphore(0), Semaphore(0)
        self._thread: Thread | None = None

    def step(self) -> None:
        """Let it go on to its next sign of life, or to its end."""
        if self._thread is None:
            self._thread = Thread(target=self._run, daemon=True)
            self._thread.start()
        elif self._thread.is_alive():
            self._let_on.release()
        else:
            return
        assert self._waits.acquire(timeout=STEP_WITHIN_S)

    def _run(self) -> None:
        do_activation(self._api, self._wait)
        self._waits.release()

    def _wait(self) -> None:
        self._waits.release()
        assert self._let_on.acquire(timeout=STEP_WITHIN_S)


def active(api: Api) -> str:
    return str(api.client.get("/about").json()["model"]["id"])
