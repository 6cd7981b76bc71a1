"""The Celery worker on queue `video`. PyTorch is imported in the pool process, never in the one that forks it."""

from needledrop.bundle import Bundle
from needledrop.extraction import Extractor
from needledrop.features import Modality
from needledrop.settings import CoreSettings
from needledrop_extraction.worker import make_extraction_worker
from needledrop_worker.celery import run_worker
from needledrop_worker.startup import starting
from video_extractor.settings import VideoSettings


def run() -> None:
    """Serve jobs until told to stop."""
    precision = VideoSettings().video_precision

    def load_extractor(bundle: Bundle, settings: CoreSettings) -> Extractor:
        with starting(bundle, Modality.VIDEO):
            from video_extractor.extractor import load  # noqa: PLC0415

            return load(bundle, settings, precision)

    run_worker(make_extraction_worker(Modality.VIDEO, load_extractor))
