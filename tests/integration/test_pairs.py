"""Pairs through the REST API: two jobs of one file, ready when both sides are, no place in any ranking."""

import numpy as np

from matcher.embedding.repository.extraction_queue import queue_missing
from matcher.models.service import register
from matcher.tables import Model
from needledrop.errors import ErrorCode
from needledrop.features import Modality
from needledrop.messages import JobFailed, JobProgress, Stage
from tests.api import MODEL, Api


def test_a_pair_has_a_job_for_each_side_and_is_ready_after_both(api: Api) -> None:
    answer = api.client.post("/pairs", files={"file": ("Dance.mp4", b"film", "video/mp4")})
    pair = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/pairs/{pair['id']}")
    assert (pair["status"], pair["title"], pair["url"]) == ("queued", "Dance", f"/pairs/{pair['id']}/file")
    jobs = api.jobs_of_pair(pair["id"])
    assert {(job.kind, job.space) for job in jobs.values()} == {
        ("audio", "audio-space"),
        ("video", "video-space"),
    }
    api.finish_job(jobs[Modality.VIDEO], np.zeros((3, 2), np.uint8))
    assert api.client.get(f"/pairs/{pair['id']}").json()["status"] == "processing"
    assert api.client.get("/pairs").json()["ready"] == 0
    api.finish_job(jobs[Modality.AUDIO], np.zeros((3, 2), np.uint8))
    ready = api.client.get(f"/pairs/{pair['id']}").json()
    assert (ready["status"], ready["stage"], ready["progress"]) == ("ready", "ready", 1.0)
    listed = api.client.get("/pairs").json()
    assert (listed["total"], listed["ready"], listed["items"]) == (1, 1, [ready])


def test_the_progress_of_a_pair_is_that_of_both_sides_together(api: Api) -> None:
    pair = api.add_pair("film")
    jobs = api.jobs_of_pair(pair)
    for modality, progress in ((Modality.AUDIO, 0.75), (Modality.VIDEO, 0.25)):
        api.jobs.progress(JobProgress(job_id=jobs[modality].id, attempt=1, stage=Stage.EXTRACTING, progress=progress))
    answer = api.client.get(f"/pairs/{pair}").json()
    assert (answer["status"], answer["stage"], answer["progress"]) == ("processing", "extracting", 0.5)


def test_the_same_bytes_again_are_the_same_pair_with_the_same_jobs(api: Api) -> None:
    pair = api.add_pair("film")
    before = {job.id for job in api.jobs_of_pair(pair).values()}
    assert api.client.post("/pairs?filename=again.mp4", content=b"film").json()["id"] == pair
    assert {job.id for job in api.jobs_of_pair(pair).values()} == before


def test_a_video_without_sound_fails_with_its_code_and_may_be_sent_again(api: Api) -> None:
    pair = api.add_pair("film")
    jobs = api.jobs_of_pair(pair)
    api.finish_job(jobs[Modality.VIDEO], np.zeros((3, 2), np.uint8))
    failure = JobFailed(job_id=jobs[Modality.AUDIO].id, attempt=1, code=ErrorCode.NO_AUDIO, detail="no sound")
    api.jobs.failed(failure)
    answer = api.client.get(f"/pairs/{pair}").json()
    assert (answer["status"], answer["error"]) == ("failed", {"code": "no_audio", "detail": "no sound"})
    assert api.add_pair("film") == pair
    again = api.jobs_of_pair(pair)
    assert (again[Modality.AUDIO].state, again[Modality.AUDIO].attempt) == ("queued", 2)
    assert again[Modality.VIDEO].state == "done"


def test_a_pair_has_no_place_in_a_ranking(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0]])
    track = api.add_track("track", [[1, 1]])
    api.add_pair("film", [[0, 0]], [[0, 0]])
    assert [result["audio"]["id"] for result in api.client.get(f"/match/{clip}").json()["results"]] == [track]


def test_the_same_bytes_as_pair_and_clip_share_what_is_stored_until_both_are_gone(api: Api) -> None:
    pair, clip = api.add_pair("film", [[1, 2]], [[1, 2]]), api.add_clip("film", [[1, 2]])
    api.client.delete(f"/videos/{clip}")
    assert api.client.get(f"/pairs/{pair}/file").content == b"film"
    assert api.client.delete(f"/pairs/{pair}").status_code == 204
    assert list(api.store.keys("")) == []
    assert api.client.get(f"/pairs/{pair}").json()["code"] == "not_found"
    assert api.client.delete(f"/pairs/{pair}").status_code == 404


def test_pairs_are_listed_from_the_newest_page_by_page(api: Api) -> None:
    pairs = [api.add_pair(f"film {number}") for number in range(3)]
    first = api.client.get("/pairs", params={"limit": 2}).json()
    second = api.client.get("/pairs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [pair["id"] for pair in first["items"] + second["items"]] == pairs[::-1]
    assert second["next_cursor"] is None


def test_a_bundle_of_other_spaces_queues_both_sides_of_every_pair_again(api: Api) -> None:
    pair = api.add_pair("film", [[1, 2]], [[1, 2]])
    other = Model(**{**MODEL, "id": "other", "audio_space": "audio-new", "video_space": "video-new"})
    with api.database.begin() as session:
        register(session, other)
        assert queue_missing(session, other) == 2
    assert api.client.get(f"/pairs/{pair}").json()["status"] == "queued"


def test_a_model_that_the_user_put_into_use_outlives_a_restart_with_the_same_bundle(api: Api) -> None:
    with api.database.begin() as session:
        register(session, Model(**{**MODEL, "id": "newer"}))
        register(session, Model(**MODEL))
    about = api.client.get("/about").json()
    assert about["model"]["id"] == "newer", "a metric that was known already takes nobody's place"
