"""Embedding the library with a model that is to be activated, and the switch once nothing is missing."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from matcher.db import Database, Session
from matcher.embedding.embedded import EmbedMany, Owned, Timed
from matcher.embedding.metric_embedder import metric_embedder
from matcher.embedding.repository.coverage import Missing, coverage, keep_assets, missing
from matcher.embedding.repository.embeddings import EmbeddingRepository
from matcher.jobs.attempt import Attempt, JobLostError
from matcher.jobs.repository import end_job
from matcher.registry.repository import find_model, lock_active_model, switch_to
from matcher.resources import Resources
from matcher.tables import JobState, Model
from needledrop.features import Modality, matrix_from_bytes
from needledrop.log import get_logger
from needledrop.messages import Stage
from needledrop_storage.store import MediaStore

BATCH = 256
"""Assets that are looked up at once."""
TOGETHER_ROWS = 8192
"""Rows of features that go through the towers together, and into the database in one transaction."""
READERS = 8
WAIT_S = 5.0
"""How long to wait before looking again for what is being extracted anew."""
log = get_logger(__name__)


def activate_model(resources: Resources, attempt: Attempt) -> None:
    """Do one attempt of an activation, with the process's own metrics."""
    embedder = metric_embedder(resources.settings.bundle, resources.store)
    Reembedding(resources.database, resources.store, embedder.many).run(attempt)


class Reembedding:
    """Some assets' embeddings are written in a transaction, so what a lost attempt has done is not done again."""

    def __init__(self, database: Database, store: MediaStore, embed: EmbedMany) -> None:
        self._database = database
        self._store = store
        self._embed = embed

    def run(self, attempt: Attempt) -> None:
        """Embed until nothing is missing, wait for what is still being extracted, then switch and end the job.

        `NeedledropError` where features or model can't be used; `JobLostError` where it was called off.
        """
        with self._database.begin() as session:
            model = find_model(session, attempt.claim.subject_id)
        if model is None:
            raise JobLostError
        while True:
            self._embed_missing(model, attempt)
            if self._finish(model, attempt):
                log.info("model in use", model=model.id)
                return

    def _embed_missing(self, model: Model, attempt: Attempt) -> None:
        while True:
            with self._database.begin() as session:
                covered = coverage(session, model)
                batch = missing(session, model, BATCH)
            attempt.advance(Stage.EMBEDDING, covered.embedded / covered.total if covered.total else None)
            if not batch:
                return
            for assets in _together(batch):
                with self._database.begin() as session:
                    self._write(session, model, assets)
                attempt.check()

    def _finish(self, model: Model, attempt: Attempt) -> bool:
        """Embed what has come meanwhile and switch, while nobody else embeds; False where that has to wait."""
        with self._database.begin() as session:
            lock_active_model(session, to_switch=True)
            job = attempt.lock(session)
            late: Sequence[Missing] = missing(session, model, BATCH + 1)
            waiting = coverage(session, model).stale > 0
            if len(late) <= BATCH and not waiting:
                for assets in _together(late):
                    self._write(session, model, assets)
                switch_to(session, model.id)
                end_job(job, JobState.DONE)
                return True
        if waiting:
            attempt.pause(WAIT_S)
        return False

    def _write(self, session: Session, model: Model, assets: Sequence[Missing]) -> None:
        kept = keep_assets(session, assets)
        owned: list[Owned] = []
        for modality in Modality:
            own = [asset for asset in kept if asset.modality is modality]
            if own:
                embedded = self._embed(model, modality, self._features(own))
                owned += [Owned(asset.track_id, asset.clip_id, made) for asset, made in zip(own, embedded, strict=True)]
        EmbeddingRepository(session).replace(model.id, owned)

    def _features(self, assets: Sequence[Missing]) -> list[Timed]:
        with ThreadPoolExecutor(READERS) as pool:
            read = pool.map(self._store.get_bytes, [asset.features_key for asset in assets])
            return [(matrix_from_bytes(data), asset.hop_s) for data, asset in zip(read, assets, strict=True)]


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
