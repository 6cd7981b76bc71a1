"""What happens to an uploaded file: stored by content, given a row and a job in one transaction, or recognised."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from matcher import cursors
from matcher.assets.repository import AssetRepository, ListKey
from matcher.assets.schemas import AssetOut, AssetState, Status
from matcher.content.repository import content_in_use, forget_features, lock_content, may_remove
from matcher.context import Context
from matcher.db import Database, Session
from matcher.errors import ApiError, Failure, not_found
from matcher.jobs.repository import JobRepository
from matcher.paging import cut
from matcher.registry.repository import active_model
from matcher.tables import Asset, Job, JobState, Model, SubjectColumn
from matcher.uploads.fields import UploadFields
from matcher.uploads.receiving import Upload
from needledrop.features import Modality
from needledrop_storage.keys import media_key
from needledrop_storage.store import MediaStore

AssetT = TypeVar("AssetT", bound=Asset)
OutT = TypeVar("OutT")
AssetOutT = TypeVar("AssetOutT", bound=AssetOut)

_STATUS = {
    JobState.QUEUED: Status.QUEUED,
    JobState.RUNNING: Status.PROCESSING,
    JobState.DONE: Status.READY,
    JobState.FAILED: Status.FAILED,
    JobState.DEAD: Status.FAILED,
}


@dataclass(frozen=True)
class AssetKind(Generic[AssetT, OutT]):
    """What tells tracks from clips. `label` is the word in messages to the user, `out` what the API says of one."""

    table: type[AssetT]
    modality: Modality
    job_column: SubjectColumn
    label: str
    fields: type[UploadFields]
    out: Callable[[AssetT, Job | None], OutT]

    def space(self, model: Model | None) -> str | None:
        if model is None:
            return None
        return model.audio_space if self.modality is Modality.AUDIO else model.video_space


class AssetService(Generic[AssetT, OutT]):
    def __init__(self, kind: AssetKind[AssetT, OutT], context: Context) -> None:
        self._kind = kind
        self._database = context.database
        self._store = context.store

    def add(self, upload: Upload) -> OutT:
        """The asset with these bytes and a job: a new one, or the one that is there (a failed job is queued again).

        The row and its job are committed before this returns; the bytes are in the store before the row is.
        """
        with self._database.begin() as session:
            space = self._kind.space(active_model(session))
            if space is None:
                raise no_model()
            lock_content(session, upload.sha256)
            repository = self._repository(session)
            jobs = JobRepository(session)
            found = repository.by_hash(upload.sha256, space)
            if found is None:
                keep_bytes(self._store, upload)
                asset, job = new_asset(self._kind.table, self._kind.fields, upload), self._new_job(space)
                repository.add(asset, job)
            else:
                asset, existing = found
                job = existing or self._new_job(space)
                if existing is None:
                    repository.add(asset, job)
                elif job.state in {JobState.FAILED, JobState.DEAD}:
                    jobs.queue_anew(job)
            jobs.announce()
        return self._kind.out(asset, job)

    def get(self, asset_id: UUID) -> OutT:
        """The asset; `ApiError(not_found)`."""
        with self._database.begin() as session:
            found = self._find(session, asset_id)
        return self._kind.out(*found)

    def row(self, asset_id: UUID) -> AssetT:
        """The asset's row, which names its bytes; `ApiError(not_found)`."""
        with self._database.begin() as session:
            return self._find(session, asset_id)[0]

    def listed(self, limit: int, cursor: str | None) -> tuple[list[OutT], int, str | None]:
        """Up to `limit` assets from the newest on, how many there are in all, and the next page's cursor.

        `ApiError(cursor_invalid)`.
        """
        after = cursors.decode(ListKey, cursor)
        with self._database.begin() as session:
            repository = self._repository(session)
            rows = repository.page(self._kind.space(active_model(session)), limit + 1, after)
            total = repository.count()
        shown, next_cursor = cut(rows, limit, lambda row: ListKey.of(row[0]))
        return [self._kind.out(asset, job) for asset, job in shown], total, next_cursor

    def delete(self, asset_id: UUID) -> None:
        """Delete the asset with its job and embeddings, and its bytes and features unless another asset shares them."""
        asset = self.row(asset_id)
        with self._database.begin() as session:
            lock_content(session, asset.sha256)
            if not self._repository(session).delete(asset_id):
                raise not_found(self._kind.label)
            unused = forget_features(session, asset.sha256)
        drop_bytes(self._database, self._store, asset.sha256, unused)

    def _find(self, session: Session, asset_id: UUID) -> tuple[AssetT, Job | None]:
        found = self._repository(session).get(asset_id, self._kind.space(active_model(session)))
        if found is None:
            raise not_found(self._kind.label)
        return found

    def _repository(self, session: Session) -> AssetRepository[AssetT]:
        return AssetRepository(session, self._kind.table, self._kind.job_column)

    def _new_job(self, space: str) -> Job:
        return Job(kind=self._kind.modality.value, space=space)


def no_model() -> ApiError:
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "no_model", "no model is installed yet", {"Retry-After": "5"})


def new_asset(table: type[AssetT], fields: type[UploadFields], upload: Upload) -> AssetT:
    """The row for an uploaded file, not yet in the database."""
    return table(
        sha256=upload.sha256,
        filename=upload.filename,
        media_type=upload.media_type,
        bytes=upload.bytes,
        **column_values(fields.model_validate(upload.fields)),
    )


def column_values(given: BaseModel) -> dict[str, Any]:
    """What an upload's fields or a change put into the columns of their names; an empty text is null there."""
    return {name: None if value == "" else value for name, value in given.model_dump(exclude_none=True).items()}


def keep_bytes(store: MediaStore, upload: Upload) -> None:
    """Make the file the media store's, for good, unless its bytes are there already."""
    key = media_key(upload.sha256)
    if store.size(key) != upload.bytes:
        store.take_file(key, upload.path)


def drop_bytes(database: Database, store: MediaStore, sha256: str, keys: Sequence[str]) -> None:
    """Remove `keys` from the media store where no asset has these bytes.

    After the commit, so that a row never lacks its bytes; under the lock again, since they may be back by now.
    """
    with database.begin() as session:
        lock_content(session, sha256)
        if may_remove(session) and not content_in_use(session, sha256):
            for key in keys:
                store.delete(key)


def state_of(job: Job | None) -> AssetState:
    """How the user is told a job's state; without a job in the space in use, the file waits for one."""
    if job is None:
        return AssetState(status=Status.QUEUED, stage="queued", progress=None, error=None)
    status = _STATUS[JobState(job.state)]
    error = Failure(code=job.error_code, detail=job.error_detail or "") if job.error_code else None
    return AssetState(
        status=status, stage=job.stage, progress=job.progress, error=error if status is Status.FAILED else None
    )


def describe(out: type[AssetOutT], asset: Asset, state: AssetState, url: str, **urls: str) -> AssetOutT:
    """What the API says of an asset: those of its columns that `out` names, its state, and where its bytes are."""
    values = {**asset.values(), **state.model_dump(), "title": asset.display_title, "url": url, **urls}
    return out.model_validate(values)
