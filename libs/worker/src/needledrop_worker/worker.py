"""The Celery worker of a queue: wiring only. What it does for each kind of job comes in as a handler."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from billiard.exceptions import TimeLimitExceeded
from celery import Celery
from celery.signals import task_failure, worker_process_init

from needledrop.errors import ErrorCode
from needledrop.log import configure_logging, get_logger, job_context
from needledrop.messages import JobMessage, JobRepeated, JobRequest, Task
from needledrop.settings import CoreSettings
from needledrop_worker.celery import BROKER_ERRORS, consume, make_celery, redelivered, reply
from needledrop_worker.health import canary_queue, install_canary, touch, worker_name
from needledrop_worker.job import Handler, Send, failure, run_job
from needledrop_worker.memory import POOL_PROCESS_SCORE, end_before_others
from needledrop_worker.watchdog import GiveBack, end_process, guard

log = get_logger(__name__)


def make_worker(service: str, queue: str, settings: CoreSettings, handlers: Mapping[str, Handler]) -> Celery:
    """The worker's Celery app. `handlers`, by kind, are called in the pool process, one job at a time."""
    app = make_celery(service, settings)
    consume(app, queue, canary_queue(service))
    configure_logging(settings, service)
    install_canary(app, service)
    _prepare_children(service, settings)

    def send(message: JobMessage) -> None:
        touch(service)
        reply(app, message)

    def on_job(body: dict[str, object]) -> None:
        request = JobRequest.read(body)
        with job_context(job_id=request.job_id, attempt=request.attempt):
            if redelivered():
                # The attempt may have killed the one that had it, so it is not begun again under the same number.
                log.warning("delivered again")
                send(JobRepeated(job_id=request.job_id, attempt=request.attempt))
                return
            _run(request, handlers.get(request.kind), send)

    app.task(name=Task.JOB)(on_job)
    _report_kills(send)
    guard(app, service, settings, _give_back(send))
    return app


def _run(request: JobRequest, handler: Handler | None, send: Send) -> None:
    """The border: whatever goes wrong in the job becomes an answer, so that nobody waits for its lease to end."""
    if handler is None:
        log.error("this worker does no such jobs", kind=request.kind)
        send(failure(request, ErrorCode.INTERNAL, "this worker does no such jobs"))
        return
    try:
        run_job(request, handler, send, worker_name())
    except BROKER_ERRORS:
        raise
    except MemoryError as error:
        log.error("out of memory", exc_info=error)
        send(failure(request, ErrorCode.OUT_OF_MEMORY, "the worker had too little memory for this file"))
        end_process()
    except Exception as error:
        log.error("job broke", kind=request.kind, exc_info=error)
        send(failure(request, ErrorCode.INTERNAL, "an internal error; the worker's log has the cause"))


def _report_kills(send: Send) -> None:
    """Say of a job whose child was killed at its time limit that it failed. Runs in the process that killed it."""

    def on_failure(sender: Any, exception: BaseException, args: tuple[Any, ...], **_: object) -> None:
        if sender.name == Task.JOB and isinstance(exception, TimeLimitExceeded):
            request = JobRequest.read(args[0])
            send(failure(request, ErrorCode.TASK_TIMEOUT, "the work took too long and was ended"))

    task_failure.connect(on_failure, weak=False)


def _give_back(send: Callable[[JobMessage], None]) -> GiveBack:
    """Hand a job back whose child has been ended because the worker is to stop."""

    def give_back(task: str, args: list[Any]) -> None:
        if task == Task.JOB:
            request = JobRequest.read(args[0])
            log.warning("job given back", job_id=str(request.job_id), attempt=request.attempt)
            send(failure(request, ErrorCode.WORKER_STOPPED, "its worker was stopped"))

    return give_back


def _prepare_children(service: str, settings: CoreSettings) -> None:
    def on_start(**_: object) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(service=service)
        end_before_others(POOL_PROCESS_SCORE)
        log.info("pool process started", settings=settings.describe())

    worker_process_init.connect(on_start, weak=False)
