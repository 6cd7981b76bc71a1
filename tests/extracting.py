"""The messages of extractions, as the dispatcher and the extractors send them."""

from uuid import UUID

from needledrop.features import Modality
from needledrop.messages import ExtractPayload, ExtractResult, JobDone, JobRequest, MediaInfo
from needledrop_storage.keys import media_key


def extract_request(job_id: UUID, attempt: int, modality: Modality, sha256: str, space: str) -> JobRequest:
    """Asks for the features of the file with this hash."""
    payload = ExtractPayload(modality=modality, media_key=media_key(sha256), media_sha256=sha256, space=space)
    return JobRequest(job_id=job_id, attempt=attempt, kind=modality.value, payload=payload.model_dump(mode="json"))


def extract_done(
    job_id: UUID, attempt: int, kind: str, space: str, key: str, rows: int, hop_s: float, media: MediaInfo
) -> JobDone:
    """Says that the features lie in the media store under `key`."""
    result = ExtractResult(space=space, features_key=key, rows=rows, hop_s=hop_s, media=media)
    return JobDone(job_id=job_id, attempt=attempt, kind=kind, result=result.model_dump(mode="json"))
