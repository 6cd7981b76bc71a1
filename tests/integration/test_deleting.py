"""Deleting an asset while its job ends."""

import threading
import time

import pytest
from sqlalchemy import select, text, update

from matcher.jobs.repository import JobRepository
from matcher.tables import Asset, Clip, Job, Pair, Track
from tests.api import Api

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def until_somebody_waits(api: Api) -> None:
    deadline = time.monotonic() + 20
    while True:
        with api.database.begin() as session:
            if session.scalar(WAITING):
                return
        assert time.monotonic() < deadline, "nobody waits for a lock"
        time.sleep(0.01)


@pytest.mark.parametrize(("path", "table"), [("audio", Track), ("videos", Clip), ("pairs", Pair)])
def test_a_deletion_waits_for_the_job_that_ends(api: Api, path: str, table: type[Asset]) -> None:
    asset_id = api.client.post(f"/{path}", files={"file": ("a", b"a")}).json()["id"]
    answers: list[int] = []

    def delete() -> None:
        answers.append(api.client.delete(f"/{path}/{asset_id}").status_code)

    deletion = threading.Thread(target=delete)
    with api.database.begin() as session:
        job_id = session.scalars(select(Job.id)).first()
        assert job_id is not None
        assert JobRepository(session).lock(job_id, 1)
        deletion.start()
        until_somebody_waits(api)
        session.execute(update(table).values(duration_s=1.0))
    deletion.join()
    assert answers == [204]
    with api.database.begin() as session:
        assert session.scalars(select(Job.id)).all() == []
