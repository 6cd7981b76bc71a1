"""Tracks and clips through the REST API, on a real database."""

import hashlib
from uuid import uuid4

import numpy as np
import pytest

from needledrop.errors import ErrorCode
from needledrop.messages import JobFailed, JobProgress, MediaInfo, Stage
from tests.api import Api


def test_an_uploaded_track_is_queued_with_its_location_and_hash(api: Api) -> None:
    answer = api.client.post("/audio", files={"file": ("Night Drive.mp3", b"abc", "audio/mpeg")})
    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/audio/{body['id']}"
    assert (body["status"], body["stage"], body["title"], body["bytes"]) == ("queued", "queued", "Night Drive", 3)
    assert body["sha256"] == hashlib.sha256(b"abc").hexdigest()
    assert api.client.get(body["url"]).content == b"abc"


def test_the_same_bytes_again_are_the_same_track(api: Api) -> None:
    assert api.add_track("a") == api.client.post("/audio?filename=other.mp3", content=b"a").json()["id"]
    assert api.client.get("/audio").json()["total"] == 1


def test_an_uploaded_clip_answers_where_its_match_will_be(api: Api) -> None:
    answer = api.client.post("/videos", files={"file": ("c.mp4", b"clip")})
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["match_url"] == f"/match/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) >= 1


def test_a_title_of_the_users_own_outlives_the_containers_tags(api: Api) -> None:
    own = api.client.post("/audio", files={"file": ("a.mp3", b"a")}, data={"title": "Mine"}).json()["id"]
    tagged = api.add_track("b")
    for track_id in (own, tagged):
        api.finish(track_id, np.zeros((2, 3), np.uint8), MediaInfo(duration_s=2.5, title="Tag", artist="Band"))
    assert api.client.get(f"/audio/{own}").json()["title"] == "Mine"
    track = api.client.get(f"/audio/{tagged}").json()
    assert (track["title"], track["artist"], track["duration_s"]) == ("Tag", "Band", 2.5)


def test_progress_is_shown_and_ends_in_ready(api: Api) -> None:
    track_id = api.add_track("a")
    job = api.job(track_id)
    api.jobs.progress(JobProgress(job_id=job.id, attempt=1, stage=Stage.EXTRACTING, progress=0.5))
    track = api.client.get(f"/audio/{track_id}").json()
    assert (track["status"], track["stage"], track["progress"]) == ("processing", "extracting", 0.5)
    api.finish(track_id, np.zeros((1, 3), np.uint8))
    track = api.client.get(f"/audio/{track_id}").json()
    assert (track["status"], track["stage"]) == ("ready", "ready")


def test_a_file_that_cannot_be_used_says_so_by_code_and_may_be_sent_again(api: Api) -> None:
    clip_id = api.add_clip("a")
    failure = JobFailed(job_id=api.job(clip_id).id, attempt=1, code=ErrorCode.NO_VIDEO, detail="no picture")
    api.jobs.failed(failure)
    answer = api.client.get(f"/match/{clip_id}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["detail"]) == ("no_video", "no picture")
    assert api.client.get(f"/videos/{clip_id}").json()["error"]["code"] == "no_video"
    assert api.add_clip("a") == clip_id
    assert api.client.get(f"/match/{clip_id}").status_code == 202


def test_lists_page_through_everything_from_the_newest(api: Api) -> None:
    ids = [api.add_track(f"track {number}") for number in range(7)]
    seen: list[str] = []
    url = "/audio?limit=3"
    cursor = None
    for _ in range(3):
        page = api.client.get(url, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        assert page["total"] == 7
        seen += [track["id"] for track in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == ids[::-1]


def test_a_file_is_served_by_range_and_never_as_a_page(api: Api) -> None:
    page = api.client.post("/audio", files={"file": ("x.html", b"<script>0123456789", "text/html")}).json()
    answer = api.client.get(page["url"], headers={"Range": "bytes=8-11"})
    assert (answer.status_code, answer.content) == (206, b"0123")
    assert answer.headers["content-range"] == "bytes 8-11/18"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert api.client.get(page["url"], headers={"Range": "bytes=99-"}).status_code == 416
    head = api.client.head(page["url"])
    assert (head.headers["content-length"], head.content) == ("18", b"")
    assert api.client.get(page["url"], headers={"If-None-Match": head.headers["etag"]}).status_code == 304


def test_deleting_a_track_removes_its_bytes_features_and_place(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0, 0]])
    gone, kept = api.add_track("gone", [[1, 0, 0]]), api.add_track("kept", [[2, 0, 0]])
    assert api.client.delete(f"/audio/{gone}").status_code == 204
    assert api.client.get(f"/audio/{gone}").json()["code"] == "not_found"
    assert [r["audio"]["id"] for r in api.client.get(f"/match/{clip}").json()["results"]] == [kept]
    sha = hashlib.sha256(b"gone").hexdigest()
    assert not [key for key in api.store.keys("") if sha in key]
    assert api.client.delete(f"/audio/{gone}").status_code == 404


def test_bytes_that_are_both_track_and_clip_stay_until_both_are_deleted(api: Api) -> None:
    track, clip = api.add_track("same"), api.add_clip("same")
    api.client.delete(f"/audio/{track}")
    assert api.client.get(f"/videos/{clip}/file").content == b"same"
    api.client.delete(f"/videos/{clip}")
    assert list(api.store.keys("media")) == []


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("GET", f"/match/{uuid4()}", 404, "not_found"),
        ("GET", f"/audio/{uuid4()}/file", 404, "not_found"),
        ("DELETE", f"/videos/{uuid4()}", 404, "not_found"),
        ("GET", "/audio/not-an-id", 422, "request_invalid"),
        ("GET", "/audio?limit=0", 422, "request_invalid"),
        ("GET", "/audio?cursor=nonsense", 422, "cursor_invalid"),
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/audio", 405, "method_not_allowed"),
        ("POST", "/videos", 422, "media_empty"),
    ],
)
def test_a_wrong_request_is_answered_with_a_problem_and_its_code(
    api: Api, method: str, url: str, status: int, code: str
) -> None:
    answer = api.client.request(method, url)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "instance"}


def test_too_large_an_upload_leaves_no_row_and_no_file(api: Api) -> None:
    answer = api.client.post("/audio", content=b"x" * 100_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert api.client.get("/audio").json()["total"] == 0
    assert list(api.store.keys("")) == []


def test_a_track_is_given_another_title_artist_and_tags_and_what_is_left_out_stays(api: Api) -> None:
    track = api.add_track("song.wav", [[1, 1, 1]])
    changed = api.client.patch(f"/audio/{track}", json={"title": " Rain ", "tags": ["Slow  Jazz", "slow jazz", ""]})
    assert (changed.status_code, changed.json()["title"], changed.json()["tags"]) == (200, "Rain", ["slow jazz"])
    again = api.client.patch(f"/audio/{track}", json={"artist": "Ann"}).json()
    assert (again["title"], again["artist"], again["tags"]) == ("Rain", "Ann", ["slow jazz"])
    assert api.client.patch(f"/audio/{track}", json={"title": "", "tags": []}).json()["title"] == "song"
    assert api.client.get(f"/audio/{track}").json()["tags"] == []
    assert api.client.patch(f"/audio/{track}", json={"sha256": "0"}).json()["code"] == "request_invalid"
    assert api.client.patch(f"/audio/{uuid4()}", json={"title": "x"}).json()["code"] == "not_found"
