"""A worker's watch over itself: it ends where it has stopped consuming, and within bounded time where it is told to.

A Celery worker on a Redis-protocol broker can lose its place in the event loop when the connection is lost and found
again: alive, connected and deaf (celery/celery#8030, #9054, #10205, celery/kombu#2629). What can be done from inside is
to notice, and to end so that its supervisor starts it anew. See docs/adr/0020.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from billiard import active_children
from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from celery.worker import state

from needledrop.log import get_logger
from needledrop.settings import CoreSettings
from needledrop_worker.celery import BROKER_ERRORS, make_celery
from needledrop_worker.health import answered, progressed, send_canary

CHECK_EVERY_S = 4.0
ANSWER_WITHIN_S = 8.0
SILENT_CANARIES = 2
"""So many unanswered in a row, each of which the broker took, and the worker is deaf."""

STALLED = 70
log = get_logger(__name__)

GiveBack = Callable[[str, list[Any]], None]
"""Called with the name and the arguments of a task that was ended before it was done."""


def guard(app: Celery, service: str, settings: CoreSettings, give_back: GiveBack = lambda _task, _args: None) -> None:
    """Watch the worker of this app once it is ready, and bound its stopping to `settings.stop_s`."""

    def on_ready(**_: object) -> None:
        Thread(target=_watch, args=[service, settings], daemon=True).start()

    def on_stop(**_: object) -> None:
        Thread(target=_stop, args=[settings.stop_s, give_back], daemon=True).start()

    worker_ready.connect(on_ready, weak=False)
    worker_shutting_down.connect(on_stop, weak=False)


def end_process() -> None:
    """End this pool process, so that a fresh one takes its place: what memory ran out in may be half made."""
    os._exit(STALLED)


def _watch(service: str, settings: CoreSettings) -> None:
    # An app of its own: the worker's connections are not shared with this thread.
    app = make_celery(f"{service}-watchdog", settings)
    silent = 0
    while silent < SILENT_CANARIES:
        time.sleep(CHECK_EVERY_S)
        silent = silent + 1 if not state.active_requests and not _hears(app, service) else 0
    log.error("the worker has stopped consuming, ending it")
    _end(STALLED)


def _hears(app: Celery, service: str) -> bool:
    """False where the broker took a canary and the worker neither answered it nor did anything else."""
    sent = time.monotonic()
    try:
        nonce = send_canary(app, service, ANSWER_WITHIN_S)
    except BROKER_ERRORS as error:
        log.warning("the broker can't be reached", error=str(error))
        return True
    while (waited := time.monotonic() - sent) < ANSWER_WITHIN_S:
        if answered(service, nonce) or state.active_requests or progressed(service, waited):
            return True
        time.sleep(0.2)
    return answered(service, nonce)


def _stop(within_s: float, give_back: GiveBack) -> None:
    """The worker ends by itself once its task is done. Where that takes too long, end the task and give it back."""
    time.sleep(within_s)
    unfinished = list(state.active_requests)
    log.warning("stopping takes too long", unfinished=len(unfinished))
    _kill_children()
    for request in unfinished:
        with suppress(*BROKER_ERRORS):
            give_back(request.name, request.args)
    _end(0)


def _kill_children() -> None:
    for child in active_children():
        if child.pid:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


def _end(status: int) -> None:
    _kill_children()
    os._exit(status)
