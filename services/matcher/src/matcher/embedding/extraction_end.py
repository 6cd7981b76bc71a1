"""The end of an extraction: the features are embedded with the active model, and the job is done."""

from matcher.db import Session
from matcher.embedding.embedded import Embed, Owned
from matcher.embedding.metric_embedder import metric_embedder
from matcher.embedding.repository.embeddings import EmbeddingRepository
from matcher.jobs.repository import JobRepository, end_job
from matcher.registry.repository import active_model, lock_active_model
from matcher.resources import Resources
from matcher.tables import Asset, Clip, Job, JobState, Model, Pair, Track
from needledrop.features import Codes, Modality, matrix_from_bytes, require_space
from needledrop.log import get_logger
from needledrop.messages import ExtractResult, JobDone

log = get_logger(__name__)


class ExtractionEnd:
    """An `End`. `embed` turns features into vectors."""

    def __init__(self, resources: Resources, embed: Embed | None = None) -> None:
        self._database = resources.database
        self._store = resources.store
        self._embed = embed or metric_embedder(resources.settings.bundle, resources.store)

    def __call__(self, message: JobDone) -> None:
        """Embed the features and end the job, in one transaction with the asset's duration and tags.

        `FeatureError` or `BundleError` where the features can't be embedded.
        """
        result = ExtractResult.model_validate(message.result)
        data = self._store.get_bytes(result.features_key)
        codes = matrix_from_bytes(data)
        with self._database.begin() as session:
            # Before the job: whoever switches models holds this lock first, too.
            lock_active_model(session)
            job = JobRepository(session).lock(message.job_id, message.attempt)
            model = active_model(session)
            if job is None or model is None:
                return
            require_space(result.space, job.space)
            asset = _asset_of(session, job)
            embeddings = EmbeddingRepository(session)
            embeddings.remember_features(
                asset.sha256, result.space, result.features_key, result.rows, result.hop_s, data
            )
            windows = self._place(embeddings, job, model, codes, result.hop_s)
            _learn(asset, result)
            end_job(job, JobState.DONE)
        log.info("job done", windows=windows)

    def _place(self, embeddings: EmbeddingRepository, job: Job, model: Model, codes: Codes, hop_s: float) -> int:
        """Embed the asset with the active model; how many windows. Only those have a place that it can rank.

        A pair is training data, and features of another space wait for a model of theirs.
        """
        if job.pair_id or job.space not in {model.audio_space, model.video_space}:
            return 0
        embedded = self._embed(model, Modality(job.kind), codes, hop_s)
        embeddings.replace(model.id, [Owned(job.track_id, job.clip_id, embedded)])
        return len(embedded.windows)


def _asset_of(session: Session, job: Job) -> Asset:
    if job.pair_id:
        return session.get_one(Pair, job.pair_id)
    return session.get_one(Track, job.track_id) if job.track_id else session.get_one(Clip, job.clip_id)


def _learn(asset: Asset, result: ExtractResult) -> None:
    """Keep what the extractor learned of the file; a title or artist of the user's own stays."""
    asset.duration_s = result.media.duration_s
    asset.title = asset.title or result.media.title
    asset.artist = asset.artist or result.media.artist
