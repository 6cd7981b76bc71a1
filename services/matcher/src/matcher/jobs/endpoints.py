"""`/jobs`: what is being done, what was given up and why, and trying it again."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from matcher import cursors
from matcher.access.scopes import Scope, needs
from matcher.context import context_of
from matcher.errors import Problem
from matcher.jobs.kind import JobKinds
from matcher.jobs.queries import find_job, list_jobs, retry_job
from matcher.jobs.repository import JobKey
from matcher.jobs.schemas import JobOut, JobPage
from matcher.paging import Cursor, Limit
from matcher.tables import JobState


def kinds_of(request: Request) -> JobKinds:
    """The kinds of jobs that the application knows."""
    kinds = request.app.state.kinds
    assert isinstance(kinds, JobKinds)
    return kinds


router = APIRouter(prefix="/jobs", tags=["jobs"], responses={404: {"model": Problem}, 422: {"model": Problem}})
State = Annotated[JobState | None, Query(description="Only jobs in this state; `dead` are those given up.")]


@router.get("")
@needs(Scope.READ)
def get_jobs(request: Request, state: State = None, limit: Limit = 50, cursor: Cursor = None) -> JobPage:
    """Jobs, newest first."""
    jobs, total, after = list_jobs(context_of(request).database, state, limit, cursors.decode(JobKey, cursor))
    return JobPage(items=jobs, total=total, next_cursor=cursors.encode(after) if after else None)


@router.get("/{job_id}")
@needs(Scope.READ)
def get_job(request: Request, job_id: UUID) -> JobOut:
    """One job: its state, attempt and error."""
    return find_job(context_of(request).database, job_id)


@router.post("/{job_id}/retry", status_code=HTTPStatus.ACCEPTED, responses={409: {"model": Problem}})
@needs(Scope.WRITE)
def post_retry(request: Request, job_id: UUID) -> JobOut:
    """Try a job again that failed or was given up, with all its tries before it. One that is open stays as it is."""
    context = context_of(request)
    return retry_job(context.resources, kinds_of(request), job_id)
