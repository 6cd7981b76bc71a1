"""A training, from the claim of its job to the metric in the media store. It can be lost at any point and resumed."""

import hashlib
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from matcher.db import Database
from matcher.models.jobs import ModelJobRepository, end_model_job
from matcher.models.lease import JobLostError, Lease
from matcher.models.repository import find_model, training_done, training_failed
from matcher.models.retries import go_on, try_again
from matcher.settings import MatcherSettings
from matcher.tables import OPEN, JobState, Model, ModelJobKind
from matcher.training.example import Example
from matcher.training.examples import examples_for, load_pairs
from needledrop.errors import ErrorCode, NeedledropError, StorageError
from needledrop.log import get_logger
from needledrop.messages import ModelTask
from needledrop.metric import CARD, MetricCard
from needledrop_storage.keys import model_key
from needledrop_storage.store import MediaStore

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


class Trainer:
    """Trainings in progress are kept under `folder`, by model; `alive` is called at each sign of life."""

    def __init__(
        self,
        database: Database,
        store: MediaStore,
        fit: Fit,
        folder: Path,
        settings: MatcherSettings,
        alive: Callable[[], None],
    ) -> None:
        self._database = database
        self._store = store
        self._fit = fit
        self._folder = folder
        self._settings = settings
        self._alive = alive

    def run(self, message: ModelTask) -> None:
        """Do one attempt. What fails for good ends the job with its code; after a store that is away, or an unexpected
        error, it is tried again, from where it was. `OperationalError` where the database is away, and `MemoryError`:
        the first leaves the job to its lease."""
        claimed = self._claim(message)
        if claimed is None:
            log.info("stale training ignored")
            return
        model, examples = claimed
        folder = self._folder / model.id
        try:
            with Lease(self._database, message, self._settings.lease_s, self._alive) as lease:
                folder.mkdir(parents=True, exist_ok=True)
                pairs = load_pairs(self._store, examples, model)
                work = Work(pairs, model.kind, model.name, model.seed or 0, folder)
                card = self._fit(work, lambda epoch: lease.renew(**_progress(epoch)))
                lease.renew()
                self._finish(message, model, card, folder)
        except JobLostError:
            if self._is_open(model):
                log.info("the training has a newer attempt, which goes on from here", model=model.id)
                return
            log.info("the training was called off", model=model.id)
        except NeedledropError as error:
            if isinstance(error, StorageError) and error.code is ErrorCode.STORAGE_UNAVAILABLE:
                self._try_again(message, error.code, error.detail)
                return
            self._failed(message, model, error)
        except OperationalError:
            raise
        except MemoryError:
            self._try_again(message, ErrorCode.OUT_OF_MEMORY, "the trainer had too little memory for these pairs")
            raise
        except Exception as error:
            log.error("training broke", model=model.id, exc_info=error)
            self._try_again(message, ErrorCode.INTERNAL, "an internal error; the trainer's log has the cause")
            return
        shutil.rmtree(folder, ignore_errors=True)

    def give_back(self, message: ModelTask) -> None:
        """Queue a training that its worker has ended, under the same attempt: no try is spent, and it goes on from its
        last checkpoint."""
        with self._database.begin() as session:
            job = ModelJobRepository(session).lock(message.job_id, message.attempt)
            if job is not None:
                log.warning("training given back", model=job.model_id)
                go_on(session, job)

    def _is_open(self, model: Model) -> bool:
        """Whether the training is to be done still, by whomever."""
        with self._database.begin() as session:
            job = ModelJobRepository(session).of_model(model.id).get(ModelJobKind.TRAIN)
            return job is not None and job.state in OPEN

    def _claim(self, message: ModelTask) -> tuple[Model, list[Example]] | None:
        with self._database.begin() as session:
            jobs = ModelJobRepository(session)
            job = jobs.claim(message.job_id, message.attempt, socket.gethostname(), self._settings.lease_s)
            model = find_model(session, job.model_id) if job else None
            return (model, examples_for(session, model)) if model else None

    def _finish(self, message: ModelTask, model: Model, card: MetricCard, folder: Path) -> None:
        """Store the files, then say so; where the model was deleted meanwhile, remove them again."""
        names = [CARD, card.weights.path, *(name for name in REPORT_FILES if (folder / name).is_file())]
        files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
        for name in names:
            self._store.put_file(model_key(model.id, name), folder / name)
        with self._database.begin() as session:
            if self._end(session, message, JobState.DONE):
                training_done(session, model.id, card.kind, files, _json(card.training))
                return
        for name in names:
            self._store.delete(model_key(model.id, name))
        raise JobLostError

    def _failed(self, message: ModelTask, model: Model, error: NeedledropError) -> None:
        log.warning("training failed", model=model.id, code=error.code, detail=error.detail)
        with self._database.begin() as session:
            if self._end(session, message, JobState.FAILED, error):
                training_failed(session, model.id)

    def _try_again(self, message: ModelTask, code: ErrorCode, detail: str) -> None:
        log.warning("attempt failed", code=code, detail=detail)
        with self._database.begin() as session:
            job = ModelJobRepository(session).lock(message.job_id, message.attempt)
            if job is not None and not try_again(session, job, self._settings, code, detail):
                shutil.rmtree(self._folder / job.model_id, ignore_errors=True)

    def _end(self, session: Session, message: ModelTask, state: JobState, error: NeedledropError | None = None) -> bool:
        job = ModelJobRepository(session).lock(message.job_id, message.attempt)
        if job is None:
            return False
        end_model_job(job, state, error.code if error else None, error.detail if error else None)
        return True


def _progress(epoch: Epoch) -> dict[str, Any]:
    return {"epoch": epoch.epoch, "epochs": epoch.epochs, "figures": _json(epoch.figures)}


def _json(values: dict[str, Any]) -> Any:
    """As JSON says it: what is not a finite number is null there."""
    return json.loads(json.dumps(values), parse_constant=lambda _: None)
