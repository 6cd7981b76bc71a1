"""One extraction job, from its request to its answer."""

from collections.abc import Callable

from needledrop.errors import ErrorCode, MediaError, NeedledropError
from needledrop.extraction import Extractor, Progress
from needledrop.features import matrix_from_bytes, matrix_to_bytes, require_space
from needledrop.log import get_logger
from needledrop.messages import (
    ExtractDone,
    ExtractFailed,
    ExtractProgress,
    ExtractRequest,
    JobMessage,
    MediaInfo,
    Stage,
)
from needledrop_storage.keys import features_key, info_key
from needledrop_storage.store import MediaStore
from needledrop_worker.heartbeat import HEARTBEAT_S, Heartbeat

log = get_logger(__name__)


def run_job(
    request: ExtractRequest,
    store: MediaStore,
    load: Callable[[], Extractor],
    send: Callable[[JobMessage], None],
    worker: str,
    heartbeat_s: float = HEARTBEAT_S,
) -> None:
    """Do one job: claim it, extract, store the features, report. Never raises for a file that can't be used.

    A sign of life goes out every `heartbeat_s` seconds at least, whatever the job is at. Features are immutable and
    keyed by content and space, so a job that was done before is answered from the store.
    """

    def say(stage: Stage, value: float | None) -> None:
        send(
            ExtractProgress(job_id=request.job_id, attempt=request.attempt, stage=stage, progress=value, worker=worker)
        )

    try:
        with Heartbeat(say, heartbeat_s) as heartbeat:
            extractor = load()
            require_space(extractor.space.id, request.space)
            done = _stored(request, store, extractor.space.hop_s) or _extract(
                request, store, extractor, heartbeat.advance
            )
    except NeedledropError as error:
        log.warning("extraction failed", code=error.code, detail=error.detail)
        send(failure(request, error.code, error.detail, _retryable(error, request.attempt)))
        return
    send(done)
    log.info("extraction done", rows=done.rows, features=done.features_key)


def failure(request: ExtractRequest, code: ErrorCode, detail: str, retryable: bool = True) -> ExtractFailed:
    """What to say of an attempt that failed."""
    return ExtractFailed(job_id=request.job_id, attempt=request.attempt, code=code, detail=detail, retryable=retryable)


def _extract(request: ExtractRequest, store: MediaStore, extractor: Extractor, progress: Progress) -> ExtractDone:
    with store.local_copy(request.media_key, request.media_sha256) as path:
        result = extractor.extract(path, progress)
    key = features_key(request.media_sha256, request.space)
    store.put_bytes(info_key(key), result.info.model_dump_json().encode())
    store.put_bytes(key, matrix_to_bytes(result.features))
    return _done(request, key, len(result.features), extractor.space.hop_s, result.info)


def _stored(request: ExtractRequest, store: MediaStore, hop_s: float) -> ExtractDone | None:
    """The answer of an earlier run, or None. The features are written last, so where they are, all is there."""
    key = features_key(request.media_sha256, request.space)
    if not store.exists(key):
        return None
    rows = len(matrix_from_bytes(store.get_bytes(key)))
    info = MediaInfo.model_validate_json(store.get_bytes(info_key(key)))
    return _done(request, key, rows, hop_s, info)


def _done(request: ExtractRequest, key: str, rows: int, hop_s: float, info: MediaInfo) -> ExtractDone:
    return ExtractDone(
        job_id=request.job_id,
        attempt=request.attempt,
        space=request.space,
        features_key=key,
        rows=rows,
        hop_s=hop_s,
        media=info,
    )


def _retryable(error: NeedledropError, attempt: int) -> bool:
    """A file that can't be decoded stays so; a store may be mended, a decoder may have been starved.

    The last is tried once more and no oftener: a file that hangs its decoder would hold a worker for hours.
    """
    if isinstance(error, MediaError):
        return attempt < 2 and error.code in {ErrorCode.DECODER_CRASHED, ErrorCode.DECODER_TIMEOUT}
    return True
