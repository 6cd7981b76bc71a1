"""Models for the tests of activation, and the matcher-worker's part in it."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from matcher.embedding.embedded import Embedded, Timed
from matcher.embedding.reembedding import Reembedding
from matcher.tables import JobState, Model, ModelJob, ModelState
from needledrop.features import Modality
from needledrop.messages import ModelTask
from tests.integration.conftest import LOPSIDED, MODEL, Api, embed


def add_model(api: Api, **changes: Any) -> str:
    """A model as a training leaves it, in the spaces of the one in use unless `changes` say otherwise."""
    made: dict[str, Any] = {
        **MODEL,
        "id": f"trained-{uuid4().hex[:8]}",
        "name": "mine",
        "kind": LOPSIDED,
        "state": ModelState.READY,
        "files": {"metric.json": "0" * 64},
        **changes,
    }
    with api.database.begin() as session:
        session.add(Model(**made))
    return str(made["id"])


def queued_task(api: Api) -> ModelTask | None:
    with api.database.begin() as session:
        job = session.scalars(select(ModelJob).where(ModelJob.state == JobState.QUEUED)).one_or_none()
        return ModelTask(job_id=job.id, attempt=job.attempt) if job else None


def embed_many(model: Model, modality: Modality, assets: Sequence[Timed]) -> list[Embedded]:
    return [embed(model, modality, codes, hop_s) for codes, hop_s in assets]


def reembedding(api: Api) -> Reembedding:
    return Reembedding(api.database, api.store, embed_many, api.settings.lease_s)


def do_turns(api: Api, between: Callable[[], None] = lambda: None) -> int:
    """Do the activation's turns until none is queued; how many there were."""
    turns = 0
    while task := queued_task(api):
        reembedding(api).turn(task)
        turns += 1
        between()
    return turns


def active(api: Api) -> str:
    return str(api.client.get("/about").json()["model"]["id"])
