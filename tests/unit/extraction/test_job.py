"""The job around an extraction, with an extractor that is plain to see."""

from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from needledrop.errors import ErrorCode, MediaError
from needledrop.extraction import Extraction, Progress
from needledrop.features import FeatureSpace, Modality, matrix_from_bytes
from needledrop.messages import (
    ExtractPayload,
    ExtractResult,
    JobDone,
    JobFailed,
    JobMessage,
    JobProgress,
    JobRequest,
    MediaInfo,
    Stage,
)
from needledrop_extraction.job import extraction_handler
from needledrop_storage.keys import media_key
from needledrop_storage.store import MediaStore
from needledrop_worker.job import run_job

SHA = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of b"foo"
SPACE = FeatureSpace(Modality.AUDIO, "bytes", "", "", "", 0.5, 1)


class ByteExtractor:
    """The file's bytes are its features."""

    space = SPACE

    def __init__(self) -> None:
        self.runs = 0

    def extract(self, path: Path, progress: Progress) -> Extraction:
        self.runs += 1
        for step in range(100):
            progress(step / 100)
        codes = np.frombuffer(path.read_bytes(), np.uint8)[:, None]
        return Extraction(codes, MediaInfo(duration_s=1.5, title="Foo"))


class FailingExtractor(ByteExtractor):
    def __init__(self, code: ErrorCode) -> None:
        super().__init__()
        self._code = code

    def extract(self, path: Path, progress: Progress) -> Extraction:
        raise MediaError(self._code, "a sentence")


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    store = MediaStore(tmp_path.as_uri())
    store.put_bytes(media_key(SHA), b"foo")
    return store


def run(store: MediaStore, extractor: ByteExtractor, space: str = SPACE.id, attempt: int = 1) -> list[JobMessage]:
    payload = ExtractPayload(modality=Modality.AUDIO, media_key=media_key(SHA), media_sha256=SHA, space=space)
    request = JobRequest(job_id=uuid4(), attempt=attempt, kind="audio", payload=payload.model_dump(mode="json"))
    sent: list[JobMessage] = []
    run_job(request, extraction_handler(lambda: store, lambda: extractor), sent.append, worker="w")
    assert {(message.job_id, message.attempt) for message in sent} == {(request.job_id, attempt)}
    return sent


def result_of(sent: list[JobMessage]) -> ExtractResult:
    done = sent[-1]
    assert isinstance(done, JobDone)
    assert done.kind == "audio"
    return ExtractResult.model_validate(done.result)


def test_a_job_is_claimed_then_reported_done_with_its_features_stored(store: MediaStore) -> None:
    sent = run(store, ByteExtractor(), attempt=3)
    assert isinstance(sent[0], JobProgress)
    assert sent[0].stage is Stage.STARTED
    assert isinstance(sent[1], JobProgress)
    assert sent[1].stage is Stage.EXTRACTING
    done = result_of(sent)
    assert (done.rows, done.hop_s, done.media.title) == (3, 0.5, "Foo")
    assert matrix_from_bytes(store.get_bytes(done.features_key)).ravel().tolist() == list(b"foo")


def test_a_hundred_fast_steps_are_not_a_hundred_messages(store: MediaStore) -> None:
    assert 3 <= len(run(store, ByteExtractor())) <= 5


def test_a_job_that_was_done_before_is_answered_from_the_store(store: MediaStore) -> None:
    extractor = ByteExtractor()
    first, second = result_of(run(store, extractor)), result_of(run(store, extractor, attempt=2))
    assert extractor.runs == 1
    assert first.features_key == second.features_key
    assert first.media == second.media


@pytest.mark.parametrize(
    ("code", "attempt", "retryable"),
    [
        (ErrorCode.NO_AUDIO, 1, False),
        (ErrorCode.MEDIA_UNREADABLE, 1, False),
        (ErrorCode.DECODER_LIMIT, 1, False),
        (ErrorCode.DECODER_CRASHED, 1, True),
        (ErrorCode.DECODER_CRASHED, 2, False),
        (ErrorCode.DECODER_TIMEOUT, 1, True),
        (ErrorCode.DECODER_TIMEOUT, 2, False),
    ],
)
def test_a_file_that_cannot_be_used_is_reported_not_raised(
    store: MediaStore, code: ErrorCode, attempt: int, retryable: bool
) -> None:
    failed = run(store, FailingExtractor(code), attempt=attempt)[-1]
    assert isinstance(failed, JobFailed)
    assert (failed.code, failed.detail, failed.retryable) == (code, "a sentence", retryable)


def test_bytes_that_are_gone_or_altered_are_reported(store: MediaStore) -> None:
    store.put_bytes(media_key(SHA), b"bar")
    corrupt = run(store, ByteExtractor())[-1]
    store.delete(media_key(SHA))
    missing = run(store, ByteExtractor())[-1]
    assert isinstance(corrupt, JobFailed)
    assert isinstance(missing, JobFailed)
    assert (corrupt.code, missing.code) == (ErrorCode.STORAGE_CORRUPT, ErrorCode.STORAGE_MISSING)


def test_a_request_for_another_space_is_refused_before_decoding(store: MediaStore) -> None:
    extractor = ByteExtractor()
    failed = run(store, extractor, space="audio-other")[-1]
    assert isinstance(failed, JobFailed)
    assert failed.code is ErrorCode.SPACE_MISMATCH
    assert extractor.runs == 0
