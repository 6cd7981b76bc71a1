"""The Celery worker that both extractors are: wiring only, the model comes in as a loader."""

import socket
from collections.abc import Callable
from functools import cache

import structlog
from celery import Celery
from celery.signals import worker_process_init

from needledrop.archive import open_bundle
from needledrop.bundle import Bundle
from needledrop.celery import consume, make_celery, reply
from needledrop.extraction import Extractor, run_job
from needledrop.features import Modality
from needledrop.health import canary_queue, install_canary, touch
from needledrop.log import configure_logging, get_logger, job_context
from needledrop.messages import EXTRACT_ROUTES, ExtractRequest, JobMessage
from needledrop.settings import CoreSettings
from needledrop.storage import MediaStore

log = get_logger(__name__)
Loader = Callable[[Bundle, CoreSettings], Extractor]


def make_worker(modality: Modality, load: Loader) -> Celery:
    """The worker's Celery app. The model is loaded by `load` once, in the pool process that uses it."""
    settings = CoreSettings()
    service = f"{modality}-extractor"
    task, queue = EXTRACT_ROUTES[modality]
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
            run_job(request, store(), extractor, send, worker=socket.gethostname())

    app.task(name=task)(extract)
    return app


def run_worker(app: Celery, concurrency: int = 1) -> None:
    """Run the worker until it is told to stop. Each pool process holds one model, so concurrency is small."""
    app.worker_main(["worker", "--pool=prefork", f"--concurrency={concurrency}", "--loglevel=INFO", "--without-mingle"])


def _warm_up_children(service: str, settings: CoreSettings) -> None:
    def on_start(**_: object) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(service=service)
        log.info("pool process started", settings=settings.describe())

    worker_process_init.connect(on_start, weak=False)
