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
    ExtractPayload,
    ExtractResult,
    JobDone,
    JobFailed,
    JobProgress,
    JobRepeated,
    JobRequest,
    MediaInfo,
    Message,
    Stage,
)

JOB = UUID("11111111-2222-3333-4444-555555555555")

# Bodies as version 2 writes them, kept as text: a later version must go on reading them.
VERSION_2: dict[type[Message], str] = {
    JobRequest: """{"schema_version": 2, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "kind": "video", "payload": {"modality": "video", "media_key": "media/ab/abcd", "media_sha256": "abcd",
        "space": "video-0123456789ab"}}""",
    JobProgress: """{"schema_version": 2, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "stage": "extracting", "progress": 0.25, "worker": "host"}""",
    JobDone: """{"schema_version": 2, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "kind": "video", "result": {"space": "video-0123456789ab", "features_key": "features/x.npy", "rows": 10,
        "hop_s": 1.0, "media": {"duration_s": 10.5, "title": null, "artist": null, "width": 640, "height": 360}}}""",
    JobFailed: """{"schema_version": 2, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2,
        "code": "no_video", "detail": "there is no picture", "retryable": false}""",
    JobRepeated: """{"schema_version": 2, "job_id": "11111111-2222-3333-4444-555555555555", "attempt": 2}""",
}
PAYLOAD = ExtractPayload(
    modality=Modality.VIDEO, media_key="media/ab/abcd", media_sha256="abcd", space="video-0123456789ab"
)
RESULT = ExtractResult(
    space="video-0123456789ab",
    features_key="features/x.npy",
    rows=10,
    hop_s=1.0,
    media=MediaInfo(duration_s=10.5, width=640, height=360),
)


def examples() -> list[Message]:
    ids: dict[str, Any] = {"job_id": JOB, "attempt": 2}
    return [
        JobRequest(**ids, kind="video", payload=PAYLOAD.model_dump(mode="json")),
        JobProgress(**ids, stage=Stage.EXTRACTING, progress=0.25, worker="host"),
        JobDone(**ids, kind="video", result=RESULT.model_dump(mode="json")),
        JobFailed(**ids, code=ErrorCode.NO_VIDEO, detail="there is no picture"),
        JobRepeated(**ids),
    ]


@pytest.mark.parametrize("message", examples(), ids=lambda m: type(m).__name__)
def test_version_2_bodies_are_read_and_written_unchanged(message: Message) -> None:
    stored = json.loads(VERSION_2[type(message)])
    assert type(message).read(stored) == message
    if SCHEMA_VERSION == 2:
        assert message.dump() == stored


def test_what_an_extraction_asks_and_answers_is_read_and_written_unchanged() -> None:
    asked = json.loads(VERSION_2[JobRequest])["payload"]
    answered = json.loads(VERSION_2[JobDone])["result"]
    assert (ExtractPayload.model_validate(asked), ExtractResult.model_validate(answered)) == (PAYLOAD, RESULT)
    assert ExtractPayload.model_validate({**asked, "added_later": 1}) == PAYLOAD
    assert ExtractResult.model_validate({**answered, "added_later": 1}) == RESULT
    for change in ({"rows": 0}, {"hop_s": 0}, {"media": None}):
        with pytest.raises(ValidationError):
            ExtractResult.model_validate({**answered, **change})


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
    body = JobProgress(job_id=JOB, attempt=1, stage=Stage.STARTED).dump()
    with pytest.raises(ValidationError):
        JobProgress.read({**body, **change})


def test_every_answer_has_its_task() -> None:
    assert {kind.__name__ for kind in REPLIES} == {"JobProgress", "JobDone", "JobFailed", "JobRepeated"}
    assert len(set(REPLIES.values())) == len(REPLIES)
