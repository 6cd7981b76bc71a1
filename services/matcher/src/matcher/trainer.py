"""The trainer: does the jobs of claimed kinds, each in a process of its own that ends with it."""

import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from threading import Event

import psycopg

from matcher.db import OperationalError
from matcher.jobs.attempt import Claim
from matcher.jobs.kind import ClaimedKind, JobKinds
from matcher.jobs.listening import listening
from matcher.jobs.runner import JobRunner
from matcher.resources import Resources
from matcher.settings import MatcherSettings
from needledrop.errors import ErrorCode
from needledrop.log import get_logger
from needledrop_worker.health import beat
from needledrop_worker.memory import POOL_PROCESS_SCORE, end_before_others, keep_memory

SERVICE = "trainer"
LOOK_S = 1.0
"""At most so long after it ended, a job's process is seen to have ended."""
PR_SET_PDEATHSIG = 1
log = get_logger(__name__)


@dataclass
class _Child:
    claim: Claim
    kind: ClaimedKind
    process: ForkProcess
    began: float = field(default_factory=time.monotonic)


class Trainer:
    """Does one job of each claimed kind at a time, until `stop` is set.

    This process makes no threads and imports no framework: the processes that do the jobs are forked from it.
    """

    def __init__(self, settings: MatcherSettings, kinds: JobKinds) -> None:
        self._settings = settings
        self._kinds = kinds
        self._runner = JobRunner(Resources.open(settings), kinds)
        self._children: dict[str, _Child] = {}

    def run(self, stop: Event) -> None:
        while not stop.is_set():
            try:
                self._rounds(stop)
            except (OperationalError, psycopg.OperationalError) as error:
                log.warning("the database can't be reached", error=str(error).splitlines()[0])
                stop.wait(1)
        self._stop()

    def round(self) -> None:
        """See to the processes that run, and begin what may be begun."""
        for child in list(self._children.values()):
            self._look_after(child)
        for kind in self._kinds.claimed:
            if kind.name not in self._children:
                claim = self._runner.claim(kind)
                if claim is not None:
                    self._begin(kind, claim)

    def _rounds(self, stop: Event) -> None:
        """Rounds for as long as one connection lasts, each woken by a new job, by one that ended, or by the clock."""
        with listening(self._settings) as connection:
            while not stop.is_set():
                self.round()
                beat(SERVICE)
                ends = [child.process.sentinel for child in self._children.values()]
                wait([connection.fileno(), *ends], timeout=min(LOOK_S, self._settings.dispatch_poll_s))
                for _ in connection.notifies(timeout=0):
                    pass

    def _begin(self, kind: ClaimedKind, claim: Claim) -> None:
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=[self._settings, self._kinds, claim, os.getpid()], name=f"{kind.name}-{claim.job_id}"
        )
        process.start()
        self._children[kind.name] = _Child(claim, kind, process)
        log.info("job begun", job_id=str(claim.job_id), kind=kind.name, attempt=claim.attempt, pid=process.pid)

    def _look_after(self, child: _Child) -> None:
        if child.process.is_alive():
            if time.monotonic() - child.began <= child.kind.limit_s(self._settings):
                return
            child.process.kill()
            child.process.join()
            self._lost(child, ErrorCode.TASK_TIMEOUT, "the work took too long and was ended")
        else:
            self._note_end(child)
        del self._children[child.kind.name]

    def _note_end(self, child: _Child) -> None:
        """Say of a process that ended by itself, and not well, that its attempt is lost."""
        child.process.join()
        if child.process.exitcode:
            self._lost(child, ErrorCode.WORKER_LOST, f"its process ended with status {child.process.exitcode}")

    def _lost(self, child: _Child, code: ErrorCode, detail: str) -> None:
        """Where the process has said itself what happened, that stands."""
        self._left_to_its_lease(lambda: self._runner.lost(child.claim, code, detail))

    def _stop(self) -> None:
        """Let what runs end within `stop_s` seconds; what does not is ended and its job given back."""
        ends = time.monotonic() + self._settings.stop_s
        for child in self._children.values():
            child.process.join(max(0.0, ends - time.monotonic()))
            if not child.process.is_alive():
                self._note_end(child)
                continue
            child.process.kill()
            child.process.join()
            self._left_to_its_lease(lambda claim=child.claim: self._runner.give_back(claim))  # type: ignore[misc]
        self._children.clear()

    def _left_to_its_lease(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except OperationalError as error:
            log.warning("left to its lease", error=str(error).splitlines()[0])


def _work(settings: MatcherSettings, kinds: JobKinds, claim: Claim, parent: int) -> None:
    """The process of one job. It ends with the trainer, which alone is told to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    end_before_others(POOL_PROCESS_SCORE)
    keep_memory()
    JobRunner(Resources.open(settings), kinds).run(claim)
