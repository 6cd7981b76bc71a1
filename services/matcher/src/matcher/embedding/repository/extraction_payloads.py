"""The SQL of what an extractor needs to know of the files that it is to extract."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.tables import Clip, Job, Pair, Track
from needledrop.features import Modality
from needledrop.messages import ExtractPayload, Payload
from needledrop_storage.keys import media_key

_SUBJECTS: tuple[tuple[InstrumentedAttribute[UUID | None], type[Track | Clip | Pair]], ...] = (
    (Job.track_id, Track),
    (Job.clip_id, Clip),
    (Job.pair_id, Pair),
)


def extraction_payloads(session: Session, jobs: Sequence[Job]) -> Mapping[UUID, Payload]:
    """By the jobs' ids. The kind of a job is its modality."""
    hashes: dict[UUID, str] = {}
    ids = [job.id for job in jobs]
    for column, table in _SUBJECTS:
        query = select(Job.id, table.sha256).join(table, table.id == column).where(Job.id.in_(ids))
        hashes.update({job_id: sha256 for job_id, sha256 in session.execute(query)})  # noqa: C416
    return {job.id: _payload(job, hashes[job.id]) for job in jobs}


def _payload(job: Job, sha256: str) -> Payload:
    wanted = ExtractPayload(
        modality=Modality(job.kind), media_key=media_key(sha256), media_sha256=sha256, space=job.space
    )
    return wanted.model_dump(mode="json")
