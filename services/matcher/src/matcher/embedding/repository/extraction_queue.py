"""The SQL that queues extractions for many assets at once."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, insert, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.tables import Asset, Clip, Embedding, Job, JobState, Model, Pair, Track
from needledrop.features import Modality
from needledrop.messages import Stage


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
            .where(Job.kind == modality.value, Job.space == space, Job.state == JobState.DONE)
            .where(job_column.in_(done_without))
            .values(
                state=JobState.QUEUED,
                stage=Stage.QUEUED,
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


def queue_extractions(
    session: Session,
    table: type[Asset],
    job_column: InstrumentedAttribute[UUID | None],
    modality: Modality,
    space: str,
    *conditions: ColumnElement[bool],
) -> int:
    """Queue a job for each of the table's assets that meets the conditions and has none in the space; how many."""
    values = {
        # In the database: a default of Python's would be one id for all rows.
        "id": func.gen_random_uuid(),
        job_column.key: table.id,
        "kind": literal(modality.value),
        "space": literal(space),
        "state": literal(JobState.QUEUED.value),
        "stage": literal(Stage.QUEUED.value),
        "attempt": literal(1),
    }
    has_job = exists().where(job_column == table.id, Job.kind == modality.value, Job.space == space)
    new = insert(Job).from_select(list(values), select(*values.values()).where(~has_job, *conditions))
    return len(session.scalars(new.returning(Job.id)).all())
