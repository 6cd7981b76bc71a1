"""What Prometheus reads."""

import redis
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from needledrop_worker.celery import KEY_PREFIX
from tests.api import Api
from tests.client import local_client

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(api: Api) -> Samples:
    return parsed(api.client.get("/metrics").text)


def parsed(page: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"needledrop_{name}", frozenset(labels.items())]


def test_requests_are_counted_by_the_routes_template_and_status(api: Api) -> None:
    for number in range(3):
        api.client.get(f"/audio/00000000-0000-4000-8000-00000000000{number}")
    api.client.get("/healthz")
    found = scraped(api)
    assert value(found, "http_requests_total", method="GET", route="/audio/{track_id}", status="404") == 3
    assert value(found, "http_seconds_count", method="GET", route="/audio/{track_id}") == 3
    assert value(found, "http_requests_total", method="GET", route="/healthz", status="200") == 1
    assert value(found, "problems_total", code="not_found") == 3


def test_what_a_caller_makes_up_makes_no_label(api: Api) -> None:
    for number in range(20):
        api.client.request(f"VERB{number}", f"/nowhere/{number}")
    names = {labels for name, labels in scraped(api) if name == "needledrop_http_requests_total"}
    assert len(names) <= 2
    assert not any("VERB" in part or "nowhere" in part for labels in names for pair in labels for part in pair)


def test_jobs_are_counted_by_kind_and_state(api: Api) -> None:
    api.add_track("done.ogg", [[1, 2, 3]])
    api.add_track("waiting.ogg")
    api.add_clip("waiting.mp4")
    with api.database.begin() as session:
        ago = "updated_at = clock_timestamp() - interval '100 s'"
        session.execute(text(f"UPDATE jobs SET {ago} WHERE state = 'queued' AND kind = 'audio'"))
        late = "state = 'running', attempt = 3, lease_until = clock_timestamp() - interval '5 s'"
        session.execute(text(f"UPDATE jobs SET {late} WHERE kind = 'video'"))
    found = scraped(api)
    assert value(found, "jobs", kind="audio", state="done") == 1
    assert value(found, "jobs", kind="audio", state="queued") == 1
    assert value(found, "jobs_lease_expired", kind="video") == 1
    assert value(found, "job_attempts_again", kind="video", state="running") == 2
    assert 100 <= value(found, "oldest_queued_job_seconds", kind="audio") < 200
    assert value(found, "assets", kind="track") == 2
    assert value(found, "asset_bytes", kind="track") == len("done.ogg") + len("waiting.ogg")
    assert value(found, "model_active", model="test-model", kind="va_metric2") == 1


def test_messages_that_wait_are_counted_by_queue(api: Api) -> None:
    with redis.Redis.from_url(api.settings.redis_url.get_secret_value()) as broker:
        before = broker.llen(KEY_PREFIX + "audio")
        broker.rpush(KEY_PREFIX + "audio", "x", "y")
        try:
            assert value(scraped(api), "queue_messages", queue="audio") == before + 2
        finally:
            broker.ltrim(KEY_PREFIX + "audio", 0, before - 1) if before else broker.delete(KEY_PREFIX + "audio")


def test_without_the_queue_the_page_still_comes_and_says_so(api: Api) -> None:
    with local_client(api.settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})) as client:
        found = parsed(client.get("/metrics").text)
    assert (value(found, "up", part="database"), value(found, "up", part="queue")) == (1, 0)
    assert not any(name == "needledrop_queue_messages" for name, _ in found)


def test_without_the_database_nobody_is_let_in(api: Api) -> None:
    nowhere = {"database_url": SecretStr("postgresql+psycopg://nobody@127.0.0.1:1/none")}
    with local_client(api.settings.model_copy(update=nowhere)) as client:
        answer = client.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
