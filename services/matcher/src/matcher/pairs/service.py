"""What happens to an uploaded pair: stored by content, given a row and a job for each side, or recognised."""

from collections.abc import Sequence
from uuid import UUID

from matcher import cursors
from matcher.assets.repository import ListKey
from matcher.assets.schemas import AssetState, Status
from matcher.assets.service import describe, drop_bytes, keep_bytes, new_asset, no_model, state_of
from matcher.content.repository import forget_features, lock_content
from matcher.context import Context
from matcher.errors import not_found
from matcher.jobs.repository import JobRepository
from matcher.paging import cut
from matcher.pairs.repository import PairRepository, Spaces
from matcher.pairs.schemas import PairFields, PairOut, PairPage
from matcher.registry.repository import active_model
from matcher.tables import Job, JobState, Model, Pair
from matcher.uploads.receiving import Upload
from needledrop.features import Modality

NO_SPACES: Spaces = ("", "")


class PairService:
    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._store = context.store

    def add(self, upload: Upload) -> PairOut:
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
                found = new_asset(Pair, PairFields, upload), []
            pair, has = found
            for job in has:
                if job.state in {JobState.FAILED, JobState.DEAD}:
                    jobs.queue_anew(job)
            missing = _missing_jobs(model, has)
            pairs.add(pair, missing)
            jobs.announce()
        return _pair_out(pair, [*has, *missing])

    def get(self, pair_id: UUID) -> PairOut:
        """The pair; `ApiError(not_found)`."""
        return _pair_out(*self._find(pair_id))

    def row(self, pair_id: UUID) -> Pair:
        """The pair's row, which names its bytes; `ApiError(not_found)`."""
        return self._find(pair_id)[0]

    def page(self, limit: int, cursor: str | None) -> PairPage:
        """Up to `limit` pairs, newest first; `ApiError(cursor_invalid)`."""
        after = cursors.decode(ListKey, cursor)
        with self._database.begin() as session:
            pairs, spaces = PairRepository(session), _spaces(active_model(session))
            rows = pairs.page(spaces, limit + 1, after)
            total, ready = pairs.count(), pairs.count_ready(spaces)
        shown, next_cursor = cut(rows, limit, lambda row: ListKey.of(row[0]))
        items = [_pair_out(pair, jobs) for pair, jobs in shown]
        return PairPage(items=items, total=total, ready=ready, next_cursor=next_cursor)

    def delete(self, pair_id: UUID) -> None:
        """Delete the pair and its jobs, and its bytes and features unless another asset shares them."""
        pair = self.row(pair_id)
        with self._database.begin() as session:
            lock_content(session, pair.sha256)
            if not PairRepository(session).delete(pair_id):
                raise not_found("pair")
            unused = forget_features(session, pair.sha256)
        drop_bytes(self._database, self._store, pair.sha256, unused)

    def _find(self, pair_id: UUID) -> tuple[Pair, list[Job]]:
        with self._database.begin() as session:
            found = PairRepository(session).get(pair_id, _spaces(active_model(session)))
        if found is None:
            raise not_found("pair")
        return found


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


def _pair_out(pair: Pair, jobs: Sequence[Job]) -> PairOut:
    return describe(PairOut, pair, state_of_pair(jobs), f"/pairs/{pair.id}/file")


def _missing_jobs(model: Model, has: Sequence[Job]) -> list[Job]:
    sides = ((Modality.AUDIO, model.audio_space), (Modality.VIDEO, model.video_space))
    there = {job.space for job in has}
    return [Job(kind=modality.value, space=space) for modality, space in sides if space not in there]


def _spaces(model: Model | None) -> Spaces:
    return (model.audio_space, model.video_space) if model else NO_SPACES
