"""The matcher-worker: reads the extractors' messages, embeds features with the metric, writes to the database."""

from collections.abc import Callable
from functools import cache

from celery import Celery
from sqlalchemy.exc import OperationalError

from matcher.db import Database
from matcher.embedding.metric_embedder import MetricEmbedder
from matcher.embedding.reembedding import Reembedding
from matcher.jobs.service import JobService
from matcher.settings import MatcherSettings
from needledrop.errors import BundleError, ErrorCode, FeatureError, StorageError
from needledrop.log import configure_logging, get_logger, job_context
from needledrop.messages import (
    ExtractDone,
    ExtractFailed,
    ExtractProgress,
    ExtractRepeated,
    ModelTask,
    Queue,
    Task,
)
from needledrop_storage.store import MediaStore
from needledrop_worker.celery import consume, make_celery, redelivered
from needledrop_worker.health import canary_queue, install_canary, touch
from needledrop_worker.watchdog import end_process, guard

SERVICE = "matcher-worker"
log = get_logger(__name__)

Handler = Callable[[dict[str, object]], None]


def make_worker() -> Celery:
    """The worker's Celery app. Database pool and metric are made in the pool process that uses them."""
    settings = MatcherSettings()
    app = make_celery(SERVICE, settings)
    consume(app, Queue.MATCHER, canary_queue(SERVICE))
    configure_logging(settings, SERVICE)
    install_canary(app, SERVICE)

    @cache
    def database() -> Database:
        return Database(settings.database_url.get_secret_value())

    @cache
    def store() -> MediaStore:
        return MediaStore(settings.media_url, settings.scratch)

    @cache
    def embed() -> MetricEmbedder:
        return MetricEmbedder(settings.bundle, store())

    @cache
    def service() -> JobService:
        return JobService(
            database(), store(), embed(), settings.lease_s, settings.max_attempts, settings.retry_backoff_s
        )

    def on_progress(body: dict[str, object]) -> None:
        message = ExtractProgress.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            service().progress(message)
        touch(SERVICE)

    def on_done(body: dict[str, object]) -> None:
        message = ExtractDone.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            try:
                service().done(message, again=redelivered())
            except (FeatureError, BundleError) as error:
                service().failed(_refused(message, error.code, error.detail))
            except MemoryError:
                service().failed(_refused(message, ErrorCode.OUT_OF_MEMORY, "too little memory to embed it"))
                end_process()
        touch(SERVICE)

    @cache
    def reembedding() -> Reembedding:
        return Reembedding(database(), store(), embed().many, settings.lease_s)

    def on_embed(body: dict[str, object]) -> None:
        message = ModelTask.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            reembedding().turn(message, alive=lambda: touch(SERVICE))

    def on_repeated(body: dict[str, object]) -> None:
        message = ExtractRepeated.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            service().repeated(message)
        touch(SERVICE)

    def on_failed(body: dict[str, object]) -> None:
        message = ExtractFailed.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            service().failed(message)
        touch(SERVICE)

    handlers: dict[Task, Handler] = {
        Task.EXTRACT_PROGRESS: on_progress,
        Task.EXTRACT_DONE: on_done,
        Task.EXTRACT_FAILED: on_failed,
        Task.EXTRACT_REPEATED: on_repeated,
        Task.MODEL_EMBED: on_embed,
    }
    for name, handler in handlers.items():
        app.task(
            name=name,
            autoretry_for=(OperationalError, StorageError),
            retry_backoff=1,
            retry_backoff_max=30,
            max_retries=None,
        )(handler)
    guard(app, SERVICE, settings)
    return app


def _refused(message: ExtractDone, code: ErrorCode, detail: str) -> ExtractFailed:
    return ExtractFailed(job_id=message.job_id, attempt=message.attempt, code=code, detail=detail, retryable=True)
