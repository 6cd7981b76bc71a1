"""The trainer's process, and the processes in which it does jobs: real ones, over real servers."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Event
from uuid import UUID

import psutil
import pytest
from sqlalchemy import insert

from matcher.jobs.attempt import Attempt
from matcher.jobs.kind import ClaimedKind, JobKinds
from matcher.jobs.repository import JobRepository
from matcher.resources import Resources
from matcher.tables import Job
from matcher.trainer import Trainer
from needledrop.messages import Stage
from tests.api import Api

WITHIN_S = 60.0


@dataclass(frozen=True)
class Working:
    """A trainer in a process of its own, whose jobs do what the test says."""

    api: Api
    folder: Path
    trainer: psutil.Process

    def add(self, kind: str) -> UUID:
        track = UUID(self.api.add_track(f"{kind} {time.monotonic()}"))
        with self.api.database.begin() as session:
            job = session.execute(insert(Job).values(track_id=track, kind=kind).returning(Job.id)).scalar_one()
            JobRepository(session).announce()
        return job

    def job(self, job_id: UUID) -> Job:
        with self.api.database.begin() as session:
            return session.get_one(Job, job_id)

    def until(self, job_id: UUID, *states: str) -> Job:
        wait_for(lambda: self.job(job_id).state in states, f"the job is {' or '.join(states)}")
        return self.job(job_id)

    def begun(self, name: str) -> int:
        """The id of the process that does the job."""
        path = self.folder / name
        wait_for(path.exists, f"{name} has begun")
        return int(path.read_text())


def wait_for(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {WITHIN_S:g} s"
        time.sleep(0.05)


def toy_kinds(folder: Path) -> JobKinds:
    def begin(name: str) -> None:
        part = folder / f"{name}.part"
        part.write_text(str(os.getpid()))
        part.replace(folder / name)

    def quick(_: Resources, attempt: Attempt) -> None:
        attempt.advance(Stage.WORKING, 0.5, {"pid": os.getpid()})

    def endless(_: Resources, attempt: Attempt) -> None:
        begin("endless")
        while True:
            attempt.check()
            time.sleep(0.05)

    def breaking(_: Resources, attempt: Attempt) -> None:
        raise RuntimeError("a fault of ours")

    def limit(seconds: int) -> Callable[[object], int]:
        return lambda _settings: seconds

    return JobKinds(
        ClaimedKind(name="quick", at_once=1, limit_s=limit(60), run=quick),
        ClaimedKind(name="endless", at_once=1, limit_s=limit(600), run=endless),
        ClaimedKind(name="hanging", at_once=1, limit_s=limit(1), run=endless),
        ClaimedKind(name="breaking", at_once=1, limit_s=limit(60), run=breaking),
    )


@pytest.fixture
def working(api: Api, tmp_path: Path) -> Iterator[Working]:
    settings = api.settings.model_copy(update={"stop_s": 1.0, "max_attempts": 2, "retry_backoff_s": 0.1})

    def serve() -> None:
        stop = Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        Trainer(settings, toy_kinds(tmp_path)).run(stop)

    process = get_context("fork").Process(target=serve)
    process.start()
    assert process.pid is not None
    yield Working(api, tmp_path, psutil.Process(process.pid))
    process.kill()
    process.join()


def test_a_job_is_done_in_a_process_of_its_own_which_ends_with_it(working: Working) -> None:
    done = working.until(working.add("quick"), "done")
    assert done.figures is not None
    assert done.figures["pid"] != working.trainer.pid
    wait_for(lambda: not psutil.pid_exists(done.figures["pid"]), "its process has ended")  # type: ignore[index]


def test_kinds_do_not_wait_for_each_other(working: Working) -> None:
    endless = working.add("endless")
    working.begun("endless")
    working.until(working.add("quick"), "done")
    assert working.job(endless).state == "running"


def test_an_unexpected_exception_ends_the_attempt_at_once_with_its_reason(working: Working) -> None:
    dead = working.until(working.add("breaking"), "dead")
    assert (dead.attempt, dead.tries, dead.error_code) == (2, 2, "internal")
    working.until(working.add("quick"), "done")


def test_a_job_whose_process_is_killed_is_tried_again_at_once(working: Working) -> None:
    job = working.add("endless")
    os.kill(working.begun("endless"), signal.SIGKILL)
    wait_for(lambda: working.job(job).attempt == 2, "it is tried again, and no lease had to end")
    assert working.job(job).error_code == "worker_lost"


def test_a_job_past_its_time_limit_is_ended(working: Working) -> None:
    dead = working.until(working.add("hanging"), "dead")
    assert (dead.attempt, dead.error_code) == (2, "task_timeout")


def test_a_trainer_that_is_stopped_gives_its_job_back_and_spends_no_try(working: Working) -> None:
    job = working.add("endless")
    child = working.begun("endless")
    working.trainer.terminate()
    given_back = working.until(job, "queued")
    assert (given_back.tries, given_back.run_after, given_back.error_code) == (1, None, None)
    wait_for(lambda: not psutil.pid_exists(child), "its process has ended")


def test_no_process_of_a_job_outlives_a_trainer_that_is_killed(working: Working) -> None:
    working.add("endless")
    child = psutil.Process(working.begun("endless"))
    working.trainer.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "its process has ended")


def test_a_training_that_is_called_off_ends_at_its_next_sign_of_life(working: Working) -> None:
    job = working.add("endless")
    child = working.begun("endless")
    with working.api.database.begin() as session:
        session.delete(session.get_one(Job, job))
    wait_for(lambda: not psutil.pid_exists(child), "its process has ended")
    working.until(working.add("quick"), "done")
