"""A training, from its pairs to the metric in the media store. It can be lost at any point and gone on from."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matcher.assets.example import Example
from matcher.db import Session
from matcher.jobs.attempt import Attempt, Claim, JobLostError
from matcher.jobs.repository import end_job
from matcher.registry.repository import find_model, set_state, training_done
from matcher.resources import Resources
from matcher.settings import MatcherSettings
from matcher.tables import Job, JobState, Model, ModelState
from matcher.training.examples import examples_for, load_pairs
from needledrop.log import get_logger
from needledrop.messages import Stage
from needledrop.metric import CARD, MetricCard
from needledrop_storage.keys import model_key

if TYPE_CHECKING:
    from matcher_training.data import Pairs

REPORT_FILES = ("report.json", "report.md", "recall.png", "similarity.png")
log = get_logger(__name__)


@dataclass(frozen=True)
class Work:
    """What is to be trained. `folder` is where the metric goes; what an attempt before left there is gone on from."""

    pairs: "Pairs"
    recipe: str
    name: str
    seed: int
    folder: Path


@dataclass(frozen=True)
class Epoch:
    """Epoch `epoch` of at most `epochs` is over; `figures` by name."""

    epoch: int
    epochs: int
    figures: dict[str, float]


Fit = Callable[[Work, Callable[[Epoch], None]], MetricCard]
"""Trains and evaluates into the work's folder; the callback is called after each epoch and may raise, to end it."""


class Training:
    """The `run` and the `clean_up` of trainings: trainings in progress are kept in a folder each, named by model."""

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def run(self, resources: Resources, attempt: Attempt) -> None:
        """Do one attempt, from where the one before was. `FeatureError` or `StorageError` where pairs can't be used."""
        model, examples = _claimed(resources, attempt)
        folder = _folder(resources.settings, model.id)
        folder.mkdir(parents=True, exist_ok=True)
        pairs = load_pairs(resources.store, examples, model)
        work = Work(pairs, model.kind, model.name, model.seed or 0, folder)
        card = self._fit(work, lambda epoch: _tell(attempt, epoch))
        attempt.check()
        _store(resources, attempt, model, card, folder)

    def clean_up(self, resources: Resources, claim: Claim) -> None:
        """Remove what the training left: nobody goes on from it."""
        shutil.rmtree(_folder(resources.settings, claim.subject_id), ignore_errors=True)


def training_failed(session: Session, job: Job) -> None:
    """The training has ended without a metric."""
    set_state(session, job.model_id or "", ModelState.FAILED)


def training_asked_again(session: Session, job: Job) -> None:
    """A training that has ended is to be tried again."""
    set_state(session, job.model_id or "", ModelState.TRAINING)


def _folder(settings: MatcherSettings, model_id: str) -> Path:
    base = settings.training_dir or (settings.scratch or Path(tempfile.gettempdir())) / "needledrop-training"
    return base / model_id


def _claimed(resources: Resources, attempt: Attempt) -> tuple[Model, list[Example]]:
    with resources.database.begin() as session:
        model = find_model(session, attempt.claim.subject_id)
        if model is None:
            raise JobLostError
        return model, examples_for(session, model)


def _tell(attempt: Attempt, epoch: Epoch) -> None:
    told = {"epoch": epoch.epoch, "epochs": epoch.epochs, "figures": _json(epoch.figures)}
    attempt.advance(Stage.TRAINING, min(1.0, epoch.epoch / epoch.epochs) if epoch.epochs else None, told)


def _store(resources: Resources, attempt: Attempt, model: Model, card: MetricCard, folder: Path) -> None:
    """Store the files, then say so; where the model was deleted meanwhile, remove them again."""
    names = [CARD, card.weights.path, *(name for name in REPORT_FILES if (folder / name).is_file())]
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    for name in names:
        resources.store.put_file(model_key(model.id, name), folder / name)
    try:
        with resources.database.begin() as session:
            job = attempt.lock(session)
            training_done(session, model.id, card.kind, files, _json(card.training))
            end_job(job, JobState.DONE)
    except JobLostError:
        for name in names:
            resources.store.delete(model_key(model.id, name))
        raise
    log.info("model trained", model=model.id)


def _json(values: dict[str, Any]) -> Any:
    """As JSON says it: what is not a finite number is null there."""
    return json.loads(json.dumps(values), parse_constant=lambda _: None)
