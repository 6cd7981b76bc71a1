"""What the API tells of models."""

from matcher.db import Database, Session
from matcher.embedding.repository.coverage import coverage
from matcher.errors import Failure, not_found
from matcher.jobs.repository import JobRepository
from matcher.models.schemas import Coverage, ModelDetail, ModelList, ModelProgress
from matcher.registry.model_jobs import ModelJob
from matcher.registry.repository import all_models, find_model
from matcher.tables import ENDED_BADLY, OPEN, Job, Model, ModelState

REPORT = "report.json"


def list_models(database: Database) -> ModelList:
    """Every model, newest first."""
    with database.snapshot() as session:
        return ModelList(items=[_detail(session, model) for model in all_models(session)])


def get_model(database: Database, model_id: str) -> ModelDetail:
    """`ApiError(not_found)`."""
    with database.snapshot() as session:
        return _detail(session, _find(session, model_id))


def progress_of(database: Database, model_id: str) -> ModelProgress:
    """`ApiError(not_found)`."""
    with database.snapshot() as session:
        return _progress(session, _find(session, model_id))


def _find(session: Session, model_id: str) -> Model:
    model = find_model(session, model_id)
    if model is None:
        raise not_found("model")
    return model


def _progress(session: Session, model: Model) -> ModelProgress:
    jobs = JobRepository(session).of_model(model.id)
    training, activation = jobs.get(ModelJob.TRAIN), jobs.get(ModelJob.ACTIVATE)
    told = (training.figures if training else None) or {}
    embedding = activation is not None and activation.state in OPEN
    covered = coverage(session, model)
    return ModelProgress(
        state="embedding" if embedding else ModelState(model.state).value,
        active=model.active,
        epoch=told.get("epoch"),
        epochs=told.get("epochs"),
        figures=told.get("figures"),
        error=_failure(training) or (None if model.active else _failure(activation)),
        coverage=Coverage(total=covered.total, embedded=covered.embedded, stale=covered.stale),
    )


def _failure(job: Job | None) -> Failure | None:
    if job is None or job.state not in ENDED_BADLY:
        return None
    return Failure(code=job.error_code or "", detail=job.error_detail or "")


def _detail(session: Session, model: Model) -> ModelDetail:
    return ModelDetail(
        **_progress(session, model).model_dump(),
        id=model.id,
        name=model.name,
        kind=model.kind,
        bundle=model.bundle,
        untrained_backbones=model.untrained_backbones,
        audio_space=model.audio_space,
        video_space=model.video_space,
        installed=model.installed,
        seed=model.seed,
        use=model.sources,
        previous=model.previous_id,
        has_report=REPORT in (model.files or {}),
        summary=model.summary,
        created_at=model.created_at,
        ready_at=model.ready_at,
        activated_at=model.activated_at,
    )
