"""Putting the bundle's metric into use."""

from matcher.db import Database
from matcher.jobs.repository import JobRepository
from matcher.models.repository import queue_missing, register
from matcher.models.tables import Model
from needledrop.bundle import Bundle
from needledrop.features import Modality


def install_bundle(database: Database, bundle: Bundle) -> tuple[str, int]:
    """Make the bundle's metric the active model and queue what has no place under it; its id, and how many were queued.

    `BundleError` where the bundle holds no metric, or one trained on other feature spaces than its own.
    """
    metric = bundle.metric
    bundle.require_space(Modality.AUDIO, metric.audio_space)
    bundle.require_space(Modality.VIDEO, metric.video_space)
    model = Model(
        id=metric.id,
        kind=metric.kind,
        bundle=bundle.manifest.name,
        untrained_backbones=bundle.manifest.untrained_backbones,
        audio_space=metric.audio_space,
        video_space=metric.video_space,
    )
    with database.begin() as session:
        register(session, model)
        queued = queue_missing(session, model)
        JobRepository(session).announce()
    return metric.id, queued
