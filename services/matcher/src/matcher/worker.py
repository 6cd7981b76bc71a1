"""The matcher-worker: reads the extractors' messages, embeds features with the metric, writes to the database."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from celery import Celery
from sqlalchemy.exc import OperationalError

from matcher.db import Database
from matcher.jobs.service import JobService
from matcher.matches.repository import WindowRow
from matcher.settings import MatcherSettings
from needledrop.archive import open_bundle
from needledrop.celery import consume, make_celery
from needledrop.errors import BundleError, ErrorCode, FeatureError, NeedledropError, StorageError
from needledrop.features import Codes, Modality
from needledrop.health import canary_queue, install_canary, touch
from needledrop.log import configure_logging, get_logger, job_context
from needledrop.messages import (
    ExtractDone,
    ExtractFailed,
    ExtractProgress,
    Queue,
    Task,
)
from needledrop.storage import MediaStore

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
    def service() -> JobService:
        return JobService(
            Database(settings.database_url.get_secret_value()),
            MediaStore(settings.media_url, settings.scratch),
            MetricEmbedder(settings),
            settings.lease_s,
            settings.max_attempts,
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
                service().done(message)
            except (FeatureError, BundleError) as error:
                service().failed(_refused(message, error))
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
    }
    for name, handler in handlers.items():
        app.task(
            name=name,
            autoretry_for=(OperationalError, StorageError),
            retry_backoff=1,
            retry_backoff_max=30,
            max_retries=None,
        )(handler)
    return app


class MetricEmbedder:
    """Embeds with the bundle's metric, loaded at first use."""

    def __init__(self, settings: MatcherSettings) -> None:
        self._settings = settings
        self._load = cache(self._load_embedder)

    def __call__(self, model_id: str, modality: Modality, codes: Codes, hop_s: float) -> Sequence[WindowRow]:
        """`BundleError(space_mismatch)` where the bundle on this machine is not the model in use."""
        loaded_id, embedder = self._load()
        if loaded_id != model_id:
            raise BundleError(
                ErrorCode.SPACE_MISMATCH, f"the worker's bundle holds {loaded_id}, the model in use is {model_id}"
            )
        if modality is Modality.VIDEO:
            return [WindowRow(0.0, embedder.clip(codes, hop_s).tolist())]
        return [WindowRow(window.start_s, window.vector.tolist()) for window in embedder.windows(codes, hop_s)]

    def _load_embedder(self) -> tuple[str, Any]:
        from matcher_training.embedder import load_embedder  # noqa: PLC0415  torch is imported where it is used

        bundle = open_bundle(self._settings.bundle)
        return bundle.metric.id, load_embedder(bundle, device="cpu")


def _refused(message: ExtractDone, error: NeedledropError) -> ExtractFailed:
    return ExtractFailed(
        job_id=message.job_id, attempt=message.attempt, code=error.code, detail=error.detail, retryable=True
    )
