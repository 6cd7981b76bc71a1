"""Putting the bundle's metric into use."""

from matcher.db import Database, Session
from matcher.embedding.repository.extraction_queue import queue_missing
from matcher.jobs.repository import JobRepository
from matcher.registry.model_jobs import ModelJob
from matcher.registry.repository import active_model, install, lock_active_model, spaces_of, switch_to
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


def register(session: Session, model: Model) -> None:
    """Make the model the installed one, and the active one where it has to be.

    It has to be where it is new, and where the active model is none or is of other feature spaces, which nobody
    extracts from now on. Otherwise a model that the user has put into use stays there.
    """
    lock_active_model(session, to_switch=True)
    new = install(session, model)
    active = active_model(session)
    if new or active is None or spaces_of(active) != spaces_of(model):
        JobRepository(session).cancel(ModelJob.ACTIVATE)
        switch_to(session, model.id)
