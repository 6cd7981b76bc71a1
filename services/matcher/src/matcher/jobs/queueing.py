"""The SQL that queues extractions for many assets at once."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, insert, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.tables import Asset, Job, JobState
from needledrop.features import Modality
from needledrop.messages import Stage


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
        "media_sha256": table.sha256,
        "modality": literal(modality.value),
        "space": literal(space),
        "state": literal(JobState.QUEUED.value),
        "stage": literal(Stage.QUEUED.value),
        "attempt": literal(1),
    }
    has_job = exists().where(job_column == table.id, Job.space == space)
    new = insert(Job).from_select(list(values), select(*values.values()).where(~has_job, *conditions))
    return len(session.scalars(new.returning(Job.id)).all())
