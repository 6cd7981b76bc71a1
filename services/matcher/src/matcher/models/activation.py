"""Putting a model into use: at once where it has embedded everything, else after a job that does."""

from http import HTTPStatus

from matcher.db import Database, Session
from matcher.embedding.repository.coverage import Coverage, coverage, queue_stale
from matcher.errors import ApiError, not_found
from matcher.jobs.repository import JobRepository
from matcher.registry.model_jobs import ModelJob
from matcher.registry.repository import find_model, installed_model, lock_active_model, spaces_of, switch_to
from matcher.tables import OPEN, Job, Model, ModelState


def activate(database: Database, model_id: str, reextract: bool) -> bool:
    """Put the model into use: True where it is now, False where that waits for its job. Repeating it changes nothing.

    `reextract`: files that have no features in the model's spaces are extracted again first.
    `ApiError`: `not_found`; with 409 `model_not_ready`, `model_unavailable`, `space_mismatch` (with how many files are
    `stale` of how many in `total`, and whether to `reextract` is possible), `activation_in_progress`.
    """
    with database.begin() as session:
        model = find_model(session, model_id)
        if model is None:
            raise not_found("model")
        if model.active:
            return True
        jobs = JobRepository(session)
        current = jobs.of_model(model_id).get(ModelJob.ACTIVATE)
        if current and current.state in OPEN:
            return False
        _require_usable(session, model)
        covered = coverage(session, model)
        if covered.stale:
            if not reextract:
                raise _stale(covered)
            queue_stale(session, model)
        elif not covered.missing and _switch(session, model):
            return True
        if not jobs.queue_for_model(model_id, ModelJob.ACTIVATE):
            raise _in_progress()
        jobs.announce()
    return False


def require_retryable(session: Session, job: Job) -> None:
    """An activation that has ended is queued again only where the model could be activated now; `ApiError`."""
    model = find_model(session, job.model_id or "")
    if model is None:
        raise not_found("model")
    _require_usable(session, model)
    if JobRepository(session).is_open(ModelJob.ACTIVATE):
        raise _in_progress()


def cancel(database: Database, model_id: str) -> None:
    """Call the model's activation off; what it has embedded stays for the next. `ApiError(not_found)` without one."""
    with database.begin() as session:
        lock_active_model(session, to_switch=True)
        job = JobRepository(session).of_model(model_id).get(ModelJob.ACTIVATE)
        if job is None or job.state not in OPEN:
            raise not_found("activation")
        JobRepository(session).cancel(ModelJob.ACTIVATE)


def _switch(session: Session, model: Model) -> bool:
    """Switch where the model has embedded everything, checked while nobody embeds."""
    lock_active_model(session, to_switch=True)
    covered = coverage(session, model)
    if covered.missing or covered.stale:
        return False
    JobRepository(session).cancel(ModelJob.ACTIVATE)
    switch_to(session, model.id)
    return True


def _require_usable(session: Session, model: Model) -> None:
    if model.state != ModelState.READY:
        raise ApiError(HTTPStatus.CONFLICT, "model_not_ready", "the model is not trained")
    installed = installed_model(session)
    if installed is None or spaces_of(installed) != spaces_of(model):
        covered = coverage(session, model)
        raise ApiError(
            HTTPStatus.CONFLICT,
            "space_mismatch",
            "the model was trained on other feature spaces than those of the bundle that the extractors run",
            stale=covered.stale,
            total=covered.total,
            reextract=False,
        )
    if model.files is None and not model.installed:
        raise ApiError(
            HTTPStatus.CONFLICT, "model_unavailable", "the metric lies in a bundle that is not installed any more"
        )


def _in_progress() -> ApiError:
    return ApiError(
        HTTPStatus.CONFLICT, "activation_in_progress", "another model is being activated: cancel that first"
    )


def _stale(covered: Coverage) -> ApiError:
    return ApiError(
        HTTPStatus.CONFLICT,
        "space_mismatch",
        f"{covered.stale} of {covered.total} files have features of another space only; "
        "`reextract: true` extracts them again",
        stale=covered.stale,
        total=covered.total,
        reextract=True,
    )
