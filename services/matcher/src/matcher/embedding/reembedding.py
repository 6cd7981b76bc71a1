"""A turn of embedding the library with a model that is to be activated, and the switch once nothing is missing."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session

from matcher.db import Database
from matcher.embedding.coverage import Missing, coverage, keep_assets, missing
from matcher.embedding.embedded import EmbedMany, Owned, Timed
from matcher.matches.repository import MatchRepository
from matcher.models.jobs import ModelJobRepository, end_model_job
from matcher.models.repository import find_model, lock_active_model, switch_to
from matcher.models.retries import go_on
from matcher.tables import JobState, Model
from needledrop.errors import ErrorCode, NeedledropError, StorageError
from needledrop.features import Modality, matrix_from_bytes
from needledrop.log import get_logger
from needledrop.messages import ModelTask
from needledrop_storage.store import MediaStore

TURN_S = 2.0
BATCH = 256
"""Assets that are looked up at once."""
TOGETHER_ROWS = 8192
"""Rows of features that go through the towers together, and into the database in one transaction."""
READERS = 8
log = get_logger(__name__)


class Reembedding:
    """Turns are short, so that a worker does new results between them. Each may be lost, late, or come twice."""

    def __init__(self, database: Database, store: MediaStore, embed: EmbedMany, lease_s: float) -> None:
        self._database = database
        self._store = store
        self._embed = embed
        self._lease_s = lease_s

    def turn(self, message: ModelTask, alive: Callable[[], None] = lambda: None) -> None:
        """Embed for `TURN_S` seconds, then queue the next turn, or switch where all is done. `alive`: now and then.

        Some assets' embeddings are written in a transaction, so what a lost turn has done is not done again.
        """
        model = self._claim(message)
        if model is None:
            log.info("stale turn ignored")
            return
        try:
            if self._embed_missing(model, message, alive) and self._finish(model, message):
                log.info("model in use", model=model.id)
        except NeedledropError as error:
            self._failed(message, error)

    def _claim(self, message: ModelTask) -> Model | None:
        with self._database.begin() as session:
            jobs = ModelJobRepository(session)
            job = jobs.claim(message.job_id, message.attempt, socket.gethostname(), self._lease_s)
            return find_model(session, job.model_id) if job else None

    def _embed_missing(self, model: Model, message: ModelTask, alive: Callable[[], None]) -> bool:
        """True where nothing is missing; False where this turn is over, or the job is no longer its own."""
        deadline = time.monotonic() + TURN_S
        while True:
            with self._database.begin() as session:
                jobs = ModelJobRepository(session)
                if not jobs.renew(message.job_id, message.attempt, self._lease_s):
                    return False
                batch = missing(session, model, BATCH)
            if not batch:
                return True
            for assets in _together(batch):
                with self._database.begin() as session:
                    self._write(session, model, assets)
                alive()
                if time.monotonic() > deadline:
                    self._next_turn(message)
                    return False

    def _finish(self, model: Model, message: ModelTask) -> bool:
        """Embed what has come meanwhile and switch, while nobody else embeds; False where that has to wait."""
        with self._database.begin() as session:
            lock_active_model(session, to_switch=True)
            jobs = ModelJobRepository(session)
            job = jobs.lock(message.job_id, message.attempt)
            if job is None:
                return False
            late: Sequence[Missing] = missing(session, model, BATCH + 1)
            waiting = coverage(session, model).stale > 0
            if len(late) <= BATCH and not waiting:
                for assets in _together(late):
                    self._write(session, model, assets)
                switch_to(session, model.id)
                end_model_job(job, JobState.DONE)
                return True
        self._next_turn(message, later=waiting)
        return False

    def _write(self, session: Session, model: Model, assets: Sequence[Missing]) -> None:
        kept = keep_assets(session, assets)
        owned: list[Owned] = []
        for modality in Modality:
            own = [asset for asset in kept if asset.modality is modality]
            if own:
                embedded = self._embed(model, modality, self._features(own))
                owned += [Owned(asset.track_id, asset.clip_id, made) for asset, made in zip(own, embedded, strict=True)]
        MatchRepository(session).replace(model.id, owned)

    def _features(self, assets: Sequence[Missing]) -> list[Timed]:
        with ThreadPoolExecutor(READERS) as pool:
            read = pool.map(self._store.get_bytes, [asset.features_key for asset in assets])
            return [(matrix_from_bytes(data), asset.hop_s) for data, asset in zip(read, assets, strict=True)]

    def _next_turn(self, message: ModelTask, *, later: bool = False) -> None:
        """Queue the next turn: now, or `later`, as if it had been published and its message lost."""
        with self._database.begin() as session:
            jobs = ModelJobRepository(session)
            job = jobs.lock(message.job_id, message.attempt)
            if job is None:
                return
            if later:
                job.state = JobState.QUEUED
                job.lease_until = None
                jobs.mark_published(job)
            else:
                go_on(session, job)

    def _failed(self, message: ModelTask, error: NeedledropError) -> None:
        """A store that can't be reached may come back; what is wrong with features or model stays wrong."""
        log.warning("activation failed", code=error.code, detail=error.detail)
        if isinstance(error, StorageError) and error.code is ErrorCode.STORAGE_UNAVAILABLE:
            self._next_turn(message, later=True)
            return
        with self._database.begin() as session:
            job = ModelJobRepository(session).lock(message.job_id, message.attempt)
            if job:
                end_model_job(job, JobState.FAILED, error.code, error.detail)


def _together(assets: Sequence[Missing]) -> Iterator[list[Missing]]:
    """The assets in order, parted so that none but a single one has more than `TOGETHER_ROWS` rows."""
    taken: list[Missing] = []
    for asset in assets:
        if taken and sum(one.rows for one in taken) + asset.rows > TOGETHER_ROWS:
            yield taken
            taken = []
        taken.append(asset)
    if taken:
        yield taken
