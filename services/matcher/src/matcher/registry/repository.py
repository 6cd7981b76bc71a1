"""The SQL of models: which there are, and which one is in use."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from matcher.locks import LockKey
from matcher.tables import Model, ModelState


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


def install(session: Session, model: Model) -> bool:
    """Make a bundle's metric the installed one, inserted unless it is there; whether it was inserted."""
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
    return new


def switch_to(session: Session, model_id: str) -> None:
    """Make the model the active one. The caller holds `lock_active_model(to_switch=True)`."""
    before = active_model(session)
    if before and before.id == model_id:
        return
    session.execute(update(Model).where(Model.active).values(active=False))
    values = {"active": True, "activated_at": func.clock_timestamp(), "previous_id": before.id if before else None}
    session.execute(update(Model).where(Model.id == model_id).values(**values))


def training_done(session: Session, model_id: str, kind: str, files: dict[str, str], summary: dict[str, Any]) -> None:
    values = {"kind": kind, "files": files, "summary": summary, "ready_at": func.clock_timestamp()}
    session.execute(update(Model).where(Model.id == model_id).values(state=ModelState.READY, **values))


def set_state(session: Session, model_id: str, state: ModelState) -> None:
    session.execute(update(Model).where(Model.id == model_id).values(state=state))


def spaces_of(model: Model) -> tuple[str, str]:
    """Audio, video."""
    return model.audio_space, model.video_space
