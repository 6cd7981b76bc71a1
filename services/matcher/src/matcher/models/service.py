"""Putting the bundle's metric into use."""

from matcher.db import Database
from matcher.jobs.repository import JobRepository
from matcher.models.repository import active_model, queue_missing, register
from matcher.tables import Model
from needledrop.bundle import Bundle
from needledrop.features import Modality


def install_bundle(database: Database, bundle: Bundle) -> tuple[str, int]:
    """Register the bundle's metric, and queue what has no place under the active model; its id, and how many.

    The bundle's metric becomes the active one unless a model of the same feature spaces has been put into use.

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
        summary=metric.training or None,
    )
    with database.begin() as session:
        register(session, model)
        active = active_model(session)
        assert active is not None
        queued = queue_missing(session, active)
        JobRepository(session).announce()
    return active.id, queued
