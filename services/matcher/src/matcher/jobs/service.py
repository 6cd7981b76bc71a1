"""What the extractors' messages do to a job. Each may arrive late, twice, or of a stale attempt."""

from sqlalchemy.orm import Session

from matcher.db import Database
from matcher.embedding.embedded import Embed, Owned
from matcher.jobs.repository import JobRepository, end_job
from matcher.matches.repository import MatchRepository
from matcher.models.repository import active_model, lock_active_model
from matcher.tables import Asset, Clip, Job, JobState, Model, Pair, Track
from needledrop.errors import ErrorCode
from needledrop.features import Codes, Modality, matrix_from_bytes, require_space
from needledrop.log import get_logger
from needledrop.messages import ExtractDone, ExtractFailed, ExtractProgress, ExtractRepeated, Stage
from needledrop_storage.store import MediaStore
from needledrop_worker.heartbeat import HEARTBEAT_S

SILENT_HEARTBEATS = 3
log = get_logger(__name__)


class JobService:
    """`embed` turns features into vectors. `lease_s`: seconds until a silent job is tried again."""

    def __init__(
        self,
        database: Database,
        store: MediaStore,
        embed: Embed,
        lease_s: float,
        max_attempts: int,
        retry_backoff_s: float = 5.0,
    ) -> None:
        self._database = database
        self._store = store
        self._embed = embed
        self._lease_s = lease_s
        self._max_attempts = max_attempts
        self._retry_backoff_s = retry_backoff_s

    def progress(self, message: ExtractProgress) -> None:
        with self._database.begin() as session:
            current = JobRepository(session).progress(
                message.job_id, message.attempt, message.stage, message.progress, message.worker, self._lease_s
            )
        if not current:
            log.info("stale progress ignored")

    def done(self, message: ExtractDone, again: bool = False) -> None:
        """Embed the features and end the job, in one transaction with the asset's duration and tags.

        `again`: the result was delivered before. Where a worker had begun to embed it, that worker was lost over
        it, and the attempt counts as failed.
        """
        if again and self._was_lost_embedding(message):
            return
        if not self._begin_embedding(message):
            log.info("stale result ignored")
            return
        data = self._store.get_bytes(message.features_key)
        codes = matrix_from_bytes(data)
        with self._database.begin() as session:
            lock_active_model(session)
            job = JobRepository(session).lock(message.job_id, message.attempt)
            model = active_model(session)
            if job is None or model is None:
                return
            require_space(message.space, job.space)
            matches = MatchRepository(session)
            matches.remember_features(
                job.media_sha256, message.space, message.features_key, message.rows, message.hop_s, data
            )
            windows = self._place(session, job, model, codes, message.hop_s)
            _learn(session, job, message)
            end_job(job, JobState.DONE)
        log.info("job done", windows=windows)

    def failed(self, message: ExtractFailed) -> None:
        """End the job, or queue another attempt where that may help."""
        with self._database.begin() as session:
            jobs = JobRepository(session)
            job = jobs.lock(message.job_id, message.attempt)
            if job is None:
                log.info("stale failure ignored")
                return
            if message.code is ErrorCode.WORKER_STOPPED:
                jobs.give_back(job)
                jobs.announce()
            elif message.retryable:
                jobs.retry(job, self._max_attempts, self._retry_backoff_s, message.code, message.detail)
            else:
                end_job(job, JobState.FAILED, message.code, message.detail)
        log.warning("attempt failed", code=message.code, detail=message.detail, retryable=message.retryable)

    def repeated(self, message: ExtractRepeated) -> None:
        """An attempt's message came again. Its first reader is given a few heartbeats to show that it lives.

        Where the attempt was never claimed, it is lost.
        """
        with self._database.begin() as session:
            jobs = JobRepository(session)
            if jobs.shorten_lease(message.job_id, message.attempt, SILENT_HEARTBEATS * HEARTBEAT_S):
                return
            job = jobs.lock(message.job_id, message.attempt)
            if job is None:
                log.info("stale message ignored")
                return
            detail = "a worker took it and was gone before it began"
            jobs.retry(job, self._max_attempts, self._retry_backoff_s, ErrorCode.WORKER_LOST, detail)

    def _place(self, session: Session, job: Job, model: Model, codes: Codes, hop_s: float) -> int:
        """Embed the asset with the active model; how many windows. Only those have a place that it can rank.

        A pair is training data, and features of another space wait for a model of theirs.
        """
        if job.pair_id or job.space not in {model.audio_space, model.video_space}:
            return 0
        embedded = self._embed(model, Modality(job.modality), codes, hop_s)
        MatchRepository(session).replace(model.id, [Owned(job.track_id, job.clip_id, embedded)])
        return len(embedded.windows)

    def _was_lost_embedding(self, message: ExtractDone) -> bool:
        with self._database.begin() as session:
            jobs = JobRepository(session)
            job = jobs.lock(message.job_id, message.attempt)
            if job is None or job.stage != Stage.EMBEDDING:
                return False
            detail = "the worker that embedded it was lost"
            jobs.retry(job, self._max_attempts, self._retry_backoff_s, ErrorCode.WORKER_LOST, detail)
            return True

    def _begin_embedding(self, message: ExtractDone) -> bool:
        with self._database.begin() as session:
            return JobRepository(session).progress(
                message.job_id, message.attempt, Stage.EMBEDDING, None, "", self._lease_s
            )


def _learn(session: Session, job: Job, message: ExtractDone) -> None:
    """Keep what the extractor learned of the file; a title or artist of the user's own stays."""
    asset: Asset
    if job.pair_id:
        asset = session.get_one(Pair, job.pair_id)
    else:
        asset = session.get_one(Track, job.track_id) if job.track_id else session.get_one(Clip, job.clip_id)
    asset.duration_s = message.media.duration_s
    asset.title = asset.title or message.media.title
    asset.artist = asset.artist or message.media.artist
