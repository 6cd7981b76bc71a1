"""Asking for a model to be trained."""

import uuid
from http import HTTPStatus

from matcher.assets.service import no_model
from matcher.choices.repository import ChoiceRepository
from matcher.db import Database, Session
from matcher.errors import ApiError
from matcher.jobs.repository import JobRepository
from matcher.pairs.repository import PairRepository
from matcher.registry.model_jobs import ModelJob
from matcher.registry.repository import active_model, spaces_of
from matcher.tables import Model, ModelState
from matcher.training.schemas import ModelIn

FEWEST_PAIRS = 10
"""A fifth is held out for the report: two, so that the right one can be told from a wrong one. Eight are trained on."""


def train(database: Database, wanted: ModelIn) -> str:
    """Queue the training of a model in the active model's feature spaces; its id.

    `ApiError`: `no_model` (503), `too_few_pairs` (409) with how many there are (`have`) and how many it takes (`need`).
    """
    with database.begin() as session:
        active = active_model(session)
        if active is None:
            raise no_model()
        have = _usable(session, active, wanted)
        if have < FEWEST_PAIRS:
            raise ApiError(
                HTTPStatus.CONFLICT,
                "too_few_pairs",
                f"a training takes at least {FEWEST_PAIRS} pairs that are ready, there are {have}",
                have=have,
                need=FEWEST_PAIRS,
            )
        model = Model(
            id=f"{wanted.recipe}-{uuid.uuid4().hex[:12]}",
            name=wanted.name or wanted.recipe,
            kind=wanted.recipe,
            bundle=active.bundle,
            untrained_backbones=active.untrained_backbones,
            audio_space=active.audio_space,
            video_space=active.video_space,
            state=ModelState.TRAINING,
            seed=wanted.seed,
            sources=sorted(set(wanted.use)),
        )
        session.add(model)
        session.flush()
        jobs = JobRepository(session)
        jobs.queue_for_model(model.id, ModelJob.TRAIN)
        jobs.announce()
    return model.id


def _usable(session: Session, model: Model, wanted: ModelIn) -> int:
    count = 0
    if "pairs" in wanted.use:
        count += PairRepository(session).count_ready(spaces_of(model))
    if "choices" in wanted.use:
        count += len(ChoiceRepository(session).usable(*spaces_of(model)))
    return count
