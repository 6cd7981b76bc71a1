from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import pytest

from matcher.errors import ApiError
from matcher.uploads.resumable import partials
from matcher.uploads.resumable.partials import Announced, Partials

UPLOAD = Announced(caller="", length=3, kind="audio", filename="a", media_type="audio/ogg", fields={})


@pytest.fixture
def kept(tmp_path: Path) -> Partials:
    return Partials(tmp_path, keep_s=60)


def finish(kept: Partials, upload_id: UUID) -> None:
    kept.describe(upload_id, UPLOAD.model_copy(update={"sha256": "00", "location": "/audio/1"}))
    kept.data(upload_id).unlink()


def test_only_so_many_uploads_may_be_open(kept: Partials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "MAX_OPEN", 2)
    for _ in range(2):
        kept.create(UPLOAD)
    with pytest.raises(ApiError) as refused:
        kept.create(UPLOAD)
    assert (refused.value.status, refused.value.code) == (HTTPStatus.TOO_MANY_REQUESTS, "too_many_uploads")


def test_a_finished_upload_is_not_open(kept: Partials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "MAX_OPEN", 2)
    for _ in range(5):
        upload_id = kept.create(UPLOAD)
        finish(kept, upload_id)
        assert kept.find(upload_id, "").location == "/audio/1"


def test_a_finished_upload_gets_no_file_again(kept: Partials) -> None:
    upload_id = kept.create(UPLOAD)
    finish(kept, upload_id)
    with kept.tail(upload_id) as tail:
        assert tail is None
    assert not kept.data(upload_id).exists()


def test_an_upload_is_written_by_one_request_at_a_time(kept: Partials) -> None:
    upload_id = kept.create(UPLOAD)
    with kept.tail(upload_id) as tail, pytest.raises(ApiError, match="upload_locked"), kept.tail(upload_id):
        pass
    assert tail is not None
