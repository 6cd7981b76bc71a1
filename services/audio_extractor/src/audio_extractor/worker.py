"""The Celery worker on queue `audio`. TensorFlow is imported in the pool process, never in the one that forks it."""

from audio_extractor.extractor import load
from needledrop.bundle import Bundle
from needledrop.extraction import Extractor
from needledrop.features import Modality
from needledrop.settings import CoreSettings
from needledrop_extraction.worker import make_extraction_worker
from needledrop_worker.celery import run_worker
from needledrop_worker.startup import starting


def serve() -> None:
    """Serve jobs until told to stop."""

    def load_extractor(bundle: Bundle, settings: CoreSettings) -> Extractor:
        with starting(bundle, Modality.AUDIO):
            return load(bundle, settings)

    run_worker(make_extraction_worker(Modality.AUDIO, load_extractor))
