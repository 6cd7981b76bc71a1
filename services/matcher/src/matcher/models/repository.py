"""The SQL of models: the active one, registering one, and which assets have no place under it yet."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from matcher.jobs.queueing import queue_extractions
from matcher.locks import LockKey
from matcher.tables import OPEN, Clip, Embedding, Job, JobState, Model, ModelJob, ModelJobKind, ModelState, Pair, Track
from needledrop.features import Modality


def active_model(session: Session) -> Model | None:
    return session.scalars(select(Model).where(Model.active)).one_or_none()


def find_model(session: Session, model_id: str) -> Model | None:
    return session.get(Model, model_id)


def all_models(session: Session) -> Sequence[Model]:
    """Newest first."""
    return session.scalars(select(Model).order_by(Model.created_at.desc(), Model.id)).all()


def delete_model(session: Session, model_id: str) -> None:
    """Delete the row, its jobs and embeddings."""
    session.execute(delete(Model).where(Model.id == model_id))


def installed_model(session: Session) -> Model | None:
    """The metric of the bundle that the extractors run."""
    return session.scalars(select(Model).where(Model.installed)).one_or_none()


def lock_active_model(session: Session, *, to_switch: bool = False) -> None:
    """Until the transaction ends, the active model stays; `to_switch`: and nobody embeds with it meanwhile."""
    name = "pg_advisory_xact_lock" if to_switch else "pg_advisory_xact_lock_shared"
    session.execute(text(f"SELECT {name}({LockKey.ACTIVE_MODEL})"))


def register(session: Session, model: Model) -> None:
    """Make the model the installed one, inserted unless it is there, and the active one where it has to be.

    It has to be where it is new, and where the active model is none or is of other feature spaces, which nobody
    extracts from now on. Otherwise a model that the user has put into use stays there.
    """
    lock_active_model(session, to_switch=True)
    values = {
        "id": model.id,
        "name": model.bundle,
        "kind": model.kind,
        "bundle": model.bundle,
        "untrained_backbones": model.untrained_backbones,
        "audio_space": model.audio_space,
        "video_space": model.video_space,
        "summary": model.summary,
        "active": False,
        "installed": False,
        "state": ModelState.READY,
        "ready_at": func.clock_timestamp(),
    }
    new = session.scalar(upsert(Model).values(**values).on_conflict_do_nothing().returning(Model.id)) is not None
    session.execute(update(Model).where(Model.installed, Model.id != model.id).values(installed=False))
    session.execute(update(Model).where(Model.id == model.id).values(installed=True))
    active = active_model(session)
    if new or active is None or spaces_of(active) != spaces_of(model):
        cancel_activations(session)
        switch_to(session, model.id)


def switch_to(session: Session, model_id: str) -> None:
    """Make the model the active one. The caller holds `lock_active_model(to_switch=True)`."""
    before = active_model(session)
    if before and before.id == model_id:
        return
    session.execute(update(Model).where(Model.active).values(active=False))
    values = {"active": True, "activated_at": func.clock_timestamp(), "previous_id": before.id if before else None}
    session.execute(update(Model).where(Model.id == model_id).values(**values))


def cancel_activations(session: Session) -> None:
    """End every activation that is open; what it has embedded stays."""
    session.execute(delete(ModelJob).where(ModelJob.kind == ModelJobKind.ACTIVATE, ModelJob.state.in_(OPEN)))


def training_done(session: Session, model_id: str, kind: str, files: dict[str, str], summary: dict[str, Any]) -> None:
    values = {"kind": kind, "files": files, "summary": summary, "ready_at": func.clock_timestamp()}
    session.execute(update(Model).where(Model.id == model_id).values(state=ModelState.READY, **values))


def training_failed(session: Session, model_id: str) -> None:
    session.execute(update(Model).where(Model.id == model_id).values(state=ModelState.FAILED))


def spaces_of(model: Model) -> tuple[str, str]:
    """Audio, video."""
    return model.audio_space, model.video_space


def queue_missing(session: Session, model: Model) -> int:
    """Queue a job for every asset that has no embedding under the model and whose job is not open or failed for good,
    and for every side of a pair that has none in the model's space; how many.

    Features that the store holds already in the model's space are used again, so this re-embeds without decoding.
    """
    queued = 0
    for table, job_column, embedding_column, modality, space in (
        (Track, Job.track_id, Embedding.track_id, Modality.AUDIO, model.audio_space),
        (Clip, Job.clip_id, Embedding.clip_id, Modality.VIDEO, model.video_space),
    ):
        embedded = exists().where(embedding_column == table.id, Embedding.model_id == model.id)
        done_without = select(table.id).where(~embedded)
        again = (
            update(Job)
            .where(Job.space == space, Job.state == JobState.DONE, job_column.in_(done_without))
            .values(
                state=JobState.QUEUED,
                stage="queued",
                progress=None,
                attempt=Job.attempt + 1,
                tries=1,
                run_after=None,
                published_at=None,
                lease_until=None,
            )
            .returning(Job.id)
        )
        queued += len(session.scalars(again).all())
        queued += queue_extractions(session, table, job_column, modality, space, ~embedded)
    for modality, space in ((Modality.AUDIO, model.audio_space), (Modality.VIDEO, model.video_space)):
        queued += queue_extractions(session, Pair, Job.pair_id, modality, space)
    return queued
