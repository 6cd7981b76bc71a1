"""The Celery worker that both extractors are: wiring only, the model comes in as a loader."""

from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from billiard.exceptions import TimeLimitExceeded
from celery import Celery
from celery.signals import task_failure, worker_process_init

from needledrop.bundle import Bundle
from needledrop.errors import ErrorCode
from needledrop.extraction import Extractor
from needledrop.features import Modality
from needledrop.log import configure_logging, get_logger, job_context
from needledrop.messages import EXTRACT_ROUTES, ExtractRepeated, ExtractRequest, JobMessage
from needledrop.settings import CoreSettings
from needledrop_extraction.job import failure, run_job
from needledrop_models.archive import open_bundle
from needledrop_storage.store import MediaStore
from needledrop_worker.celery import BROKER_ERRORS, consume, make_celery, redelivered, reply
from needledrop_worker.health import canary_queue, install_canary, touch, worker_name
from needledrop_worker.memory import end_before_others
from needledrop_worker.watchdog import GiveBack, end_process, guard

log = get_logger(__name__)
POOL_PROCESS_SCORE = 500
"""When memory is short, the kernel ends a pool process, whose job is tried again, before its worker, the broker or the
database; a decoder (1000) goes before it."""
Loader = Callable[[Bundle, CoreSettings], Extractor]


def make_worker(modality: Modality, load: Loader) -> Celery:
    """The worker's Celery app. The model is loaded by `load` once, in the pool process that uses it."""
    settings = CoreSettings()
    service = f"{modality}-extractor"
    name, queue = EXTRACT_ROUTES[modality]
    app = make_celery(service, settings)
    consume(app, queue, canary_queue(service))
    configure_logging(settings, service)
    install_canary(app, service)
    _warm_up_children(service, settings)

    @cache
    def store() -> MediaStore:
        return MediaStore(settings.media_url, settings.scratch)

    @cache
    def extractor() -> Extractor:
        return load(open_bundle(settings.bundle), settings)

    def send(message: JobMessage) -> None:
        touch(service)
        reply(app, message)

    def extract(body: dict[str, object]) -> None:
        request = ExtractRequest.read(body)
        with job_context(job_id=request.job_id, attempt=request.attempt):
            if redelivered():
                # The attempt may have killed the one that had it, so it is not begun again under the same number.
                log.warning("delivered again")
                send(ExtractRepeated(job_id=request.job_id, attempt=request.attempt))
                return
            _run(request, lambda: run_job(request, store(), extractor, send, worker_name()), send)

    app.task(name=name)(extract)
    _report_kills(name, send)
    guard(app, service, settings, _give_back(name, send))
    return app


def _run(request: ExtractRequest, job: Callable[[], None], send: Callable[[JobMessage], None]) -> None:
    """The border: whatever goes wrong in the job becomes an answer, so that nobody waits for its lease to end."""
    try:
        job()
    except BROKER_ERRORS:
        raise
    except MemoryError as error:
        log.error("out of memory", exc_info=error)
        send(failure(request, ErrorCode.OUT_OF_MEMORY, "the worker had too little memory for this file"))
        end_process()
    except Exception as error:
        log.error("extraction broke", exc_info=error)
        send(failure(request, ErrorCode.INTERNAL, "an internal error; the extractor's log has the cause"))


def _report_kills(name: str, send: Callable[[JobMessage], None]) -> None:
    """Say of a task whose child was killed at the hard limit that it failed. Runs in the process that killed it."""

    def on_failure(sender: Any, exception: BaseException, args: tuple[Any, ...], **_: object) -> None:
        if sender.name == name and isinstance(exception, TimeLimitExceeded):
            request = ExtractRequest.read(args[0])
            send(failure(request, ErrorCode.TASK_TIMEOUT, "the work took too long and was ended"))

    task_failure.connect(on_failure, weak=False)


def _give_back(name: str, send: Callable[[JobMessage], None]) -> GiveBack:
    """Hand a job back whose child has been ended because the worker is to stop."""

    def give_back(task: str, args: list[Any]) -> None:
        if task == name:
            request = ExtractRequest.read(args[0])
            log.warning("job given back", job_id=str(request.job_id), attempt=request.attempt)
            send(failure(request, ErrorCode.WORKER_STOPPED, "its worker was stopped"))

    return give_back


def _warm_up_children(service: str, settings: CoreSettings) -> None:
    def on_start(**_: object) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(service=service)
        end_before_others(POOL_PROCESS_SCORE)
        log.info("pool process started", settings=settings.describe())

    worker_process_init.connect(on_start, weak=False)
