"""The Celery worker on queue `audio`. TensorFlow is imported in the pool process, never in the one that forks it."""

from audio_extractor.extractor import load
from needledrop.extract_worker import make_worker, run_worker
from needledrop.features import Modality


def serve() -> None:
    """Serve jobs until told to stop."""
    run_worker(make_worker(Modality.AUDIO, load))
