"""The work of an extraction: a file of the media store becomes features in the media store."""

from collections.abc import Callable

from needledrop.extraction import Extractor
from needledrop.features import matrix_from_bytes, matrix_to_bytes, require_space
from needledrop.log import get_logger
from needledrop.messages import ExtractPayload, ExtractResult, MediaInfo, Payload, Stage
from needledrop_storage.keys import features_key, info_key
from needledrop_storage.store import MediaStore
from needledrop_worker.job import Advance, Handler

log = get_logger(__name__)


def extraction_handler(store: Callable[[], MediaStore], load: Callable[[], Extractor]) -> Handler:
    """A `Handler` of extractions. `store` and `load` are called in the process that works."""

    def handle(payload: Payload, advance: Advance) -> Payload:
        wanted = ExtractPayload.model_validate(payload)
        return extract(wanted, store(), load(), advance).model_dump(mode="json")

    return handle


def extract(wanted: ExtractPayload, store: MediaStore, extractor: Extractor, advance: Advance) -> ExtractResult:
    """Extract the file and store its features.

    Features are immutable and keyed by content and space, so what was extracted before is answered from the store.
    `NeedledropError` where the file can't be used, or the extractor is of another space.
    """
    require_space(extractor.space.id, wanted.space)
    done = _stored(wanted, store, extractor.space.hop_s) or _extract(wanted, store, extractor, advance)
    log.info("features stored", rows=done.rows, features=done.features_key)
    return done


def _extract(wanted: ExtractPayload, store: MediaStore, extractor: Extractor, advance: Advance) -> ExtractResult:
    with store.local_copy(wanted.media_key, wanted.media_sha256) as path:
        result = extractor.extract(path, lambda value: advance(value, Stage.EXTRACTING))
    key = features_key(wanted.media_sha256, wanted.space)
    store.put_bytes(info_key(key), result.info.model_dump_json().encode())
    store.put_bytes(key, matrix_to_bytes(result.features))
    return _result(wanted, key, len(result.features), extractor.space.hop_s, result.info)


def _stored(wanted: ExtractPayload, store: MediaStore, hop_s: float) -> ExtractResult | None:
    """The result of an earlier run, or None. The features are written last, so where they are, all is there."""
    key = features_key(wanted.media_sha256, wanted.space)
    if not store.exists(key):
        return None
    rows = len(matrix_from_bytes(store.get_bytes(key)))
    info = MediaInfo.model_validate_json(store.get_bytes(info_key(key)))
    return _result(wanted, key, rows, hop_s, info)


def _result(wanted: ExtractPayload, key: str, rows: int, hop_s: float, info: MediaInfo) -> ExtractResult:
    return ExtractResult(space=wanted.space, features_key=key, rows=rows, hop_s=hop_s, media=info)
