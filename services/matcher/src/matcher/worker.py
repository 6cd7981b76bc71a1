"""The matcher-worker: reads what the workers of queues answer, does the ends of their jobs, writes to the database."""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from celery import Celery

from matcher.db import OperationalError
from matcher.jobs.kind import JobKinds
from matcher.jobs.results import JobResults
from matcher.resources import Resources
from matcher.settings import MatcherSettings
from needledrop.errors import BundleError, ErrorCode, FeatureError, StorageError
from needledrop.log import configure_logging, job_context
from needledrop.messages import REPLY_QUEUE, JobDone, JobFailed, JobMessage, JobProgress, JobRepeated, Task
from needledrop_worker.celery import consume, make_celery, redelivered
from needledrop_worker.health import canary_queue, install_canary, touch
from needledrop_worker.watchdog import end_process, guard

SERVICE = "matcher-worker"
MessageT = TypeVar("MessageT", bound=JobMessage)


def make_worker(kinds: JobKinds) -> Celery:
    """The worker's Celery app. Database pool and metric are made in the pool process that uses them."""
    settings = MatcherSettings()
    app = make_celery(SERVICE, settings)
    consume(app, REPLY_QUEUE, canary_queue(SERVICE))
    configure_logging(settings, SERVICE)
    install_canary(app, SERVICE)

    @cache
    def results() -> JobResults:
        return JobResults(Resources.open(settings), kinds)

    def on_done(message: JobDone) -> None:
        try:
            results().done(message, again=redelivered())
        except (FeatureError, BundleError) as error:
            results().failed(_refused(message, error.code, error.detail))
        except MemoryError:
            results().failed(_refused(message, ErrorCode.OUT_OF_MEMORY, "too little memory to embed it"))
            end_process()

    _handle(app, Task.JOB_PROGRESS, JobProgress, lambda message: results().progress(message))
    _handle(app, Task.JOB_DONE, JobDone, on_done)
    _handle(app, Task.JOB_FAILED, JobFailed, lambda message: results().failed(message))
    _handle(app, Task.JOB_REPEATED, JobRepeated, lambda message: results().repeated(message))
    guard(app, SERVICE, settings)
    return app


def _handle(app: Celery, task: Task, kind: type[MessageT], handler: Callable[[MessageT], None]) -> None:
    def handle(body: dict[str, object]) -> None:
        message = kind.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            handler(message)
        touch(SERVICE)

    app.task(
        name=task,
        autoretry_for=(OperationalError, StorageError),
        retry_backoff=1,
        retry_backoff_max=30,
        max_retries=None,
    )(handle)


def _refused(message: JobDone, code: ErrorCode, detail: str) -> JobFailed:
    return JobFailed(job_id=message.job_id, attempt=message.attempt, code=code, detail=detail, retryable=True)
