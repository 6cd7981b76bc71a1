"""Health, readiness and what the system says of itself."""

import re
import socket
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.api import Api
from tests.client import local_client


def test_a_whole_system_is_ready(api: Api) -> None:
    answer = api.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert set(answer.json()["parts"].values()) == {"ok"}


def test_readiness_names_the_part_that_is_missing_while_health_stays(api: Api) -> None:
    nowhere = {"redis_url": SecretStr("redis://127.0.0.1:1/0")}
    with local_client(api.settings.model_copy(update=nowhere)) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["parts"] == {"database": "ok", "queue": "can't be reached", "media": "ok", "model": "ok"}
        assert client.get("/healthz").status_code == 200


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield int(listener.getsockname()[1])


def test_a_part_that_hangs_is_named_and_hangs_nothing_else(api: Api, silent: int) -> None:
    hanging = {
        "redis_url": SecretStr(f"redis://127.0.0.1:{silent}/0"),
        "database_url": SecretStr(f"postgresql+psycopg://nobody@127.0.0.1:{silent}/none"),
    }
    with local_client(api.settings.model_copy(update=hanging)) as client:
        parts = client.get("/readyz").json()["parts"]
        assert parts["database"] == parts["model"] == "does not answer within 2 s"
        assert parts["queue"] in {"can't be reached", "does not answer within 2 s"}
        assert parts["media"] == "ok"
        assert client.get("/healthz").status_code == 200


def test_readiness_tells_which_kind_of_job_nobody_takes_and_stays_ready(api: Api) -> None:
    api.add_track("waiting.ogg")
    api.add_clip("waiting.mp4")
    assert api.client.get("/readyz").json()["workers"] == {"audio": "ok", "video": "ok"}
    with api.database.begin() as session:
        late = "updated_at = clock_timestamp() - interval '90 s'"
        session.execute(text(f"UPDATE jobs SET {late} WHERE kind = 'audio'"))
    answer = api.client.get("/readyz")
    assert answer.status_code == 200
    workers = answer.json()["workers"]
    assert re.fullmatch(r"nobody took a job for 9\d s", workers["audio"])
    assert workers["video"] == "ok"
    with api.database.begin() as session:
        lease = "state = 'running', lease_until = clock_timestamp() + interval '60 s'"
        session.execute(text(f"UPDATE jobs SET {lease} WHERE kind = 'audio'"))
    assert api.client.get("/readyz").json()["workers"]["audio"] == "ok"


def test_without_a_database_requests_are_answered_with_503_and_a_code(api: Api) -> None:
    nowhere = {"database_url": SecretStr("postgresql+psycopg://nobody@127.0.0.1:1/none")}
    with local_client(api.settings.model_copy(update=nowhere)) as client:
        answer = client.get("/audio")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert "127.0.0.1" not in answer.text
        assert client.get("/readyz").json()["parts"]["database"] == "can't be reached"


def test_without_a_model_uploads_wait(api: Api) -> None:
    with api.database.begin() as session:
        session.execute(text("UPDATE models SET active = false"))
    answer = api.client.post("/audio", content=b"abc")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_model")
    assert api.client.get("/readyz").json()["parts"]["model"] == "no model is installed"
    assert api.client.get("/about").json()["model"] is None


def test_about_counts_the_library(api: Api) -> None:
    api.add_track("a", [[1, 2]])
    api.add_track("b")
    assert api.client.get("/about").json()["tracks"] == {"ready": 1, "queued": 1, "failed": 0}


def test_openapi_declares_every_route_with_problem_answers(api: Api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    assert {"/audio", "/audio/{track_id}", "/audio/{track_id}/file", "/videos", "/match/{clip_id}", "/readyz"} <= set(
        paths
    )
    assert {"/pairs", "/match/{clip_id}/choices", "/models", "/models/{model_id}/activate"} <= set(paths)
    assert "multipart/form-data" in paths["/videos"]["post"]["requestBody"]["content"]
    assert "Problem" in str(paths["/match/{clip_id}"]["get"]["responses"]["422"])
    assert "Problem" in str(paths["/models"]["post"]["responses"]["409"])
