"""The worker that both extractors are: the model comes in as a loader."""

from collections.abc import Callable
from functools import cache

from celery import Celery

from needledrop.bundle import Bundle
from needledrop.extraction import Extractor
from needledrop.features import Modality
from needledrop.settings import CoreSettings
from needledrop_extraction.job import extraction_handler
from needledrop_models.archive import open_bundle
from needledrop_storage.store import MediaStore
from needledrop_worker.worker import make_worker

Loader = Callable[[Bundle, CoreSettings], Extractor]


def make_extraction_worker(modality: Modality, load: Loader) -> Celery:
    """The worker's Celery app. The model is loaded by `load` once, in the pool process that uses it.

    The kind of its jobs, and the queue that brings them, are named like the modality.
    """
    settings = CoreSettings()

    @cache
    def store() -> MediaStore:
        return MediaStore(settings.media_url, settings.scratch)

    @cache
    def extractor() -> Extractor:
        return load(open_bundle(settings.bundle), settings)

    handlers = {modality.value: extraction_handler(store, extractor)}
    return make_worker(f"{modality}-extractor", modality.value, settings, handlers)
