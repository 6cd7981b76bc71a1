"""The contract between services of neighbouring versions."""

import json
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from needledrop.errors import ErrorCode
from needledrop.features import Modality
from needledrop.messages import (
    REPLIES,
    SCHEMA_VERSION,
    ExtractDone,
    ExtractFailed,
    ExtractProgress,
    ExtractRequest,
    MediaInfo,
    Message,
    Stage,
)

JOB = UUID("11111111-2222-3333-4444-555555555555")

# Bodies as version 1 writes them, kept as text: a later version must go on reading them.
VERSION_1: dict[type[Message], str] = {
    ExtractRequest: """{"schema_version": 1, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "modality": "video", "media_key": "media/ab/abcd", "media_sha256": "abcd", "space": "video-0123456789ab"}""",
    ExtractProgress: """{"schema_version": 1, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "stage": "extracting", "progress": 0.25, "worker": "host"}""",
    ExtractDone: """{"schema_version": 1, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "space": "video-0123456789ab", "features_key": "features/x.npy", "rows": 10, "hop_s": 1.0,
        "media": {"duration_s": 10.5, "title": null, "artist": null, "width": 640, "height": 360}}""",
    ExtractFailed: """{"schema_version": 1, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "code": "no_video", "detail": "there is no picture", "retryable": false}""",
}


def examples() -> list[Message]:
    ids: dict[str, Any] = {"job_id": JOB, "attempt": 2}
    return [
        ExtractRequest(
            **ids, modality=Modality.VIDEO, media_key="media/ab/abcd", media_sha256="abcd", space="video-0123456789ab"
        ),
        ExtractProgress(**ids, stage=Stage.EXTRACTING, progress=0.25, worker="host"),
        ExtractDone(
            **ids,
            space="video-0123456789ab",
            features_key="features/x.npy",
            rows=10,
            hop_s=1.0,
            media=MediaInfo(duration_s=10.5, width=640, height=360),
        ),
        ExtractFailed(**ids, code=ErrorCode.NO_VIDEO, detail="there is no picture"),
    ]


@pytest.mark.parametrize("message", examples(), ids=lambda m: type(m).__name__)
def test_version_1_bodies_are_read_and_written_unchanged(message: Message) -> None:
    stored = json.loads(VERSION_1[type(message)])
    assert type(message).read(stored) == message
    if SCHEMA_VERSION == 1:
        assert message.dump() == stored


@pytest.mark.parametrize("message", examples(), ids=lambda m: type(m).__name__)
def test_a_body_of_an_older_version_without_its_number_is_read(message: Message) -> None:
    body = message.dump()
    del body["schema_version"]
    assert type(message).read(body) == message


@pytest.mark.parametrize("message", examples(), ids=lambda m: type(m).__name__)
def test_fields_that_a_neighbouring_version_added_are_ignored(message: Message) -> None:
    assert type(message).read({**message.dump(), "added_later": [1, 2]}) == message


@pytest.mark.parametrize("message", examples(), ids=lambda m: type(m).__name__)
def test_a_newer_schema_is_refused_rather_than_guessed_at(message: Message) -> None:
    with pytest.raises(ValidationError):
        type(message).read({**message.dump(), "schema_version": SCHEMA_VERSION + 1})


@pytest.mark.parametrize(
    "change", [{"attempt": 0}, {"job_id": "x"}, {"progress": 1.5}, {"stage": "dancing"}], ids=lambda c: next(iter(c))
)
def test_a_malformed_body_is_refused(change: dict[str, object]) -> None:
    body = ExtractProgress(job_id=JOB, attempt=1, stage=Stage.STARTED).dump()
    with pytest.raises(ValidationError):
        ExtractProgress.read({**body, **change})


def test_every_answer_has_its_task() -> None:
    assert {kind.__name__ for kind in REPLIES} == {"ExtractProgress", "ExtractDone", "ExtractFailed", "ExtractRepeated"}
    assert len(set(REPLIES.values())) == len(REPLIES)
