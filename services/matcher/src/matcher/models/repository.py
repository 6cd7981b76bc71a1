"""The SQL of models: the active one, registering one, and which assets have no place under it yet."""

from sqlalchemy import exists, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from matcher.clips.tables import Clip
from matcher.jobs.tables import Job, JobState
from matcher.library.tables import Track
from matcher.matches.tables import Embedding
from matcher.models.tables import Model
from needledrop.features import Modality


def active_model(session: Session) -> Model | None:
    return session.scalars(select(Model).where(Model.active)).one_or_none()


def register(session: Session, model: Model) -> None:
    """Insert the model unless it is there, and make it the active one."""
    values = {
        "id": model.id,
        "kind": model.kind,
        "bundle": model.bundle,
        "untrained_backbones": model.untrained_backbones,
        "audio_space": model.audio_space,
        "video_space": model.video_space,
        "active": False,
    }
    session.execute(upsert(Model).values(**values).on_conflict_do_nothing())
    session.execute(update(Model).where(Model.active, Model.id != model.id).values(active=False))
    session.execute(update(Model).where(Model.id == model.id).values(active=True))


def queue_missing(session: Session, model: Model) -> int:
    """Queue a job for every asset that has no embedding under the model and whose job is not open or failed for good.

    Features that the store holds already in the model's space are used again, so this re-embeds without decoding.
    """
    queued = 0
    for table, job_column, embedding_column, modality, space in (
        (Track, Job.track_id, Embedding.track_id, Modality.AUDIO, model.audio_space),
        (Clip, Job.clip_id, Embedding.clip_id, Modality.VIDEO, model.video_space),
    ):
        embedded = exists().where(embedding_column == table.id, Embedding.model_id == model.id)
        has_job = exists().where(job_column == table.id, Job.space == space)
        done_without = select(table.id).where(~embedded)
        again = (
            update(Job)
            .where(Job.space == space, Job.state == JobState.DONE, job_column.in_(done_without))
            .values(
                state=JobState.QUEUED,
                stage="queued",
                progress=None,
                attempt=Job.attempt + 1,
                published_at=None,
                lease_until=None,
            )
            .returning(Job.id)
        )
        queued += len(session.scalars(again).all())
        new = select(
            table.id,
            table.sha256,
            literal(modality.value),
            literal(space),
            literal("queued"),
            literal("queued"),
            literal(1),
        ).where(~embedded, ~has_job)
        columns = [job_column.key, "media_sha256", "modality", "space", "state", "stage", "attempt"]
        queued += len(session.scalars(insert(Job).from_select(columns, new).returning(Job.id)).all())
    return queued
