"""No error tells of paths, SQL, addresses or code, whatever breaks."""

import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from matcher.clips.service import ClipService
from tests.api import Api
from tests.client import local_client

SECRETS = ("Traceback", "File ", ".py", "SELECT", "psycopg", "sqlalchemy", "127.0.0.1", "/tmp", "hunter2", "/media")


def assert_says_nothing(body: str, *more: str) -> None:
    assert [word for word in (*SECRETS, *more) if word in body] == []


@pytest.mark.parametrize("path", ["/audio", "/match/00000000-0000-4000-8000-000000000000", "/models", "/keys"])
def test_a_database_that_is_down(api: Api, path: str) -> None:
    nowhere = {"database_url": SecretStr("postgresql+psycopg://nobody:hunter2@127.0.0.1:1/none")}
    with local_client(api.settings.model_copy(update=nowhere)) as client:
        answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert_says_nothing(answer.text)


def test_a_table_that_is_gone(api: Api) -> None:
    with api.database.begin() as session:
        session.execute(text("ALTER TABLE tracks RENAME TO gone"))
    answer = api.client.get("/audio")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert_says_nothing(answer.text, "tracks")


def test_a_media_store_that_is_gone(api: Api, tmp_path: Path) -> None:
    track = api.add_track("here")
    shutil.rmtree(tmp_path / "media")
    answer = api.client.get(f"/audio/{track}/file")
    assert (answer.status_code, answer.json()["code"]) == (422, "storage_missing")
    assert_says_nothing(answer.text, str(tmp_path))


def test_a_bug_in_a_handler(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("SELECT hunter2 FROM /tmp/secret")

    monkeypatch.setattr(ClipService, "add", broken)
    answer = api.client.post("/videos", content=b"abc")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert_says_nothing(answer.text, "RuntimeError")


@pytest.mark.parametrize(
    "path", ["/models/a%00b", "/models/a%00b/report", "/audio/%FF%FE", "/audio?cursor=%00", "/%00"]
)
def test_text_that_no_column_holds(api: Api, path: str) -> None:
    answer = api.client.get(path)
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert_says_nothing(answer.text)
