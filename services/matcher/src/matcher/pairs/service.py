"""What happens to an uploaded pair: stored by content, given a row and a job for each side, or recognised."""

from collections.abc import Sequence
from uuid import UUID

from matcher.assets.repository import ListKey, forget_features, lock_content
from matcher.assets.schemas import AssetState, Status
from matcher.assets.service import drop_bytes, keep_bytes, new_asset, no_model, state_of
from matcher.db import Database
from matcher.errors import not_found
from matcher.jobs.repository import JobRepository
from matcher.pairs.repository import PairRepository, Spaces
from matcher.registry.repository import active_model
from matcher.tables import Job, JobState, Model, Pair
from matcher.uploads.receiving import Upload
from needledrop.features import Modality
from needledrop_storage.store import MediaStore

NO_SPACES: Spaces = ("", "")


class PairService:
    def __init__(self, database: Database, store: MediaStore) -> None:
        self._database = database
        self._store = store

    def add(self, upload: Upload) -> tuple[Pair, list[Job]]:
        """The pair with these bytes and its two jobs: new ones, or those that are there (failed ones queued again).

        Row and jobs are committed before this returns; the bytes are in the store before the row is.
        """
        with self._database.begin() as session:
            model = active_model(session)
            if model is None:
                raise no_model()
            lock_content(session, upload.sha256)
            pairs, jobs = PairRepository(session), JobRepository(session)
            found = pairs.by_hash(upload.sha256, _spaces(model))
            if found is None:
                keep_bytes(self._store, upload)
                found = new_asset(Pair, upload), []
            pair, has = found
            for job in has:
                if job.state in {JobState.FAILED, JobState.DEAD}:
                    jobs.queue_anew(job)
            missing = _missing_jobs(model, has)
            pairs.add(pair, missing)
            jobs.announce()
        return pair, [*has, *missing]

    def get(self, pair_id: UUID) -> tuple[Pair, list[Job]]:
        """The pair and its jobs; `ApiError(not_found)`."""
        with self._database.begin() as session:
            found = PairRepository(session).get(pair_id, _spaces(active_model(session)))
        if found is None:
            raise not_found("pair")
        return found

    def page(self, limit: int, after: ListKey | None) -> tuple[list[tuple[Pair, list[Job]]], int, int, ListKey | None]:
        """Up to `limit` pairs from the newest on, how many there are and are ready, and where the next page begins."""
        with self._database.begin() as session:
            pairs, spaces = PairRepository(session), _spaces(active_model(session))
            rows = pairs.page(spaces, limit + 1, after)
            total, ready = pairs.count(), pairs.count_ready(spaces)
        more = len(rows) > limit
        rows = rows[:limit]
        last = rows[-1][0] if more else None
        return rows, total, ready, ListKey(created_at=last.created_at, id=last.id) if last else None

    def delete(self, pair_id: UUID) -> None:
        """Delete the pair and its jobs, and its bytes and features unless another asset shares them."""
        pair, _ = self.get(pair_id)
        with self._database.begin() as session:
            lock_content(session, pair.sha256)
            if not PairRepository(session).delete(pair_id):
                raise not_found("pair")
            unused = forget_features(session, pair.sha256)
        drop_bytes(self._database, self._store, pair.sha256, unused)


def state_of_pair(jobs: Sequence[Job]) -> AssetState:
    """Failed where a side has failed, ready where both are; else how far both are together, at the slower one's stage.

    A side whose length is unknown counts as not begun.
    """
    states = [state_of(job) for job in jobs] or [state_of(None)]
    for state in states:
        if state.status is Status.FAILED:
            return state
    behind = min(states, key=lambda state: _ORDER.index(state.status))
    if behind.status is Status.READY:
        return behind
    begun = any(state.status is not Status.QUEUED for state in states)
    status = Status.PROCESSING if begun else Status.QUEUED
    progress = sum(state.progress or 0.0 for state in states) / len(states) if begun else None
    return AssetState(status=status, stage=behind.stage, progress=progress, error=None)


_ORDER = (Status.QUEUED, Status.PROCESSING, Status.READY)


def _missing_jobs(model: Model, has: Sequence[Job]) -> list[Job]:
    sides = ((Modality.AUDIO, model.audio_space), (Modality.VIDEO, model.video_space))
    there = {job.space for job in has}
    return [Job(kind=modality.value, space=space) for modality, space in sides if space not in there]


def _spaces(model: Model | None) -> Spaces:
    return (model.audio_space, model.video_space) if model else NO_SPACES
