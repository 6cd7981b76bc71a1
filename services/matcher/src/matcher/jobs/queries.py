"""What a person may ask of jobs: how they are, and to try one again."""

from http import HTTPStatus
from uuid import UUID

from matcher.db import Database
from matcher.errors import ApiError, Failure, not_found
from matcher.jobs.kind import JobKinds
from matcher.jobs.outcomes import JobOutcomes
from matcher.jobs.repository import JobKey, JobRepository
from matcher.jobs.schemas import JobOut
from matcher.resources import Resources
from matcher.tables import OPEN, Job, JobState
from needledrop.features import Modality


def find_job(database: Database, job_id: UUID) -> JobOut:
    """`ApiError(not_found)`."""
    with database.begin() as session:
        job = JobRepository(session).get(job_id)
        if job is None:
            raise not_found("job")
        return job_out(job)


def list_jobs(
    database: Database, state: JobState | None, limit: int, after: JobKey | None
) -> tuple[list[JobOut], int, JobKey | None]:
    """Up to `limit` jobs from the newest on, how many there are in all, and where the next page begins."""
    with database.begin() as session:
        repository = JobRepository(session)
        rows = repository.page(state, limit + 1, after)
        total = repository.count(state)
        jobs = [job_out(row) for row in rows[:limit]]
    last = jobs[-1] if len(rows) > limit else None
    return jobs, total, JobKey(created_at=last.created_at, id=last.id) if last else None


def retry_job(resources: Resources, kinds: JobKinds, job_id: UUID) -> JobOut:
    """Queue a job again that has failed or was given up; `ApiError`: `not_found`, `job_done`, or what its kind says."""
    with resources.database.begin() as session:
        job = JobRepository(session).lock_any(job_id)
        if job is None:
            raise not_found("job")
        if job.state == JobState.DONE:
            raise ApiError(HTTPStatus.CONFLICT, "job_done", "this job has been done; there is nothing to try again")
        if job.state not in OPEN:
            JobOutcomes(session, kinds, resources.settings).ask_again(job)
    return find_job(resources.database, job_id)


def job_out(job: Job) -> JobOut:
    return JobOut(
        id=job.id,
        audio_id=job.track_id,
        video_id=job.clip_id,
        pair_id=job.pair_id,
        model_id=job.model_id,
        kind=job.kind,
        modality=Modality(job.kind) if job.kind in set(Modality) else None,
        space=job.space or None,
        state=JobState(job.state),
        stage=job.stage,
        progress=job.progress,
        attempt=job.attempt,
        tries=job.tries,
        run_after=job.run_after,
        worker=job.worker,
        figures=job.figures,
        error=Failure(code=job.error_code, detail=job.error_detail or "") if job.error_code else None,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )
