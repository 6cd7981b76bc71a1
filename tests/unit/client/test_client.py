import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.client.backend import Backend

from needledrop_client import Client, Match, Pending, UnexpectedAnswerError, UnreachableError, WaitTimeoutError


@pytest.fixture
def client(backend: Backend) -> Iterator[Client]:
    with Client(backend.url, timeout_s=10) as client:
        yield client


def test_an_audio_upload_sends_the_files_bytes_name_and_fields(
    client: Client, backend: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "Größe 1.flac"
    file.write_bytes(b"\x00\x01sound" * 1000)
    track = client.upload_audio(file, title="A title")
    assert backend.uploads == [("/audio", "Größe 1.flac", b"\x00\x01sound" * 1000, {"title": "A title"})]
    assert (track.id, track.status, track.name) == ("id-1", "queued", "file-1.flac")


def test_a_name_that_is_no_text_is_sent_with_marks(client: Client, backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.mp3")
    file.write_bytes(b"sound")
    client.upload_audio(file)
    assert backend.uploads == [("/audio", "caf?.mp3", b"sound", {})]


def test_an_upload_may_be_answered_late(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[httpx.Timeout] = []
    request = httpx.Client.request

    def noting(self: httpx.Client, *arguments: Any, timeout: httpx.Timeout, **others: Any) -> httpx.Response:
        asked.append(timeout)
        return request(self, *arguments, timeout=timeout, **others)

    monkeypatch.setattr(httpx.Client, "request", noting)
    (tmp_path / "clip.mp4").write_bytes(b"picture")
    client.upload_video(tmp_path / "clip.mp4")
    next(iter(client.library()))
    assert [(each.connect, each.read) for each in asked[:2]] == [(10, 900), (10, 10)]


def test_a_video_upload_answers_with_where_its_match_will_be(client: Client, backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"picture")
    assert client.upload_video(file).match_url == "/match/id-1"
    assert backend.uploads == [("/videos", "clip.mp4", b"picture", {})]


def test_the_library_is_read_over_all_its_pages(client: Client) -> None:
    assert [track.id for track in client.library()] == ["id-0", "id-1", "id-2", "id-3", "id-4"]


def test_the_clips_are_read_over_all_their_pages(client: Client) -> None:
    assert [clip.id for clip in client.clips()] == ["id-0", "id-1", "id-2", "id-3", "id-4"]


def test_a_match_is_polled_until_done_and_read_over_all_its_pages(client: Client, backend: Backend) -> None:
    backend.pending_polls = 3
    seen: list[Pending] = []
    match = client.match("c", progress=seen.append)
    assert [pending.stage for pending in seen] == ["extracting"] * 3
    assert [result.rank for result in match.results] == [1, 2, 3, 4, 5]
    assert match.next_cursor is None
    assert match.results[1].audio.title == "T2"


def test_a_single_look_at_a_match_does_not_wait(client: Client, backend: Backend) -> None:
    backend.pending_polls = 1
    assert isinstance(client.match_once("c"), Pending)
    assert isinstance(client.match_once("c"), Match)


def test_waiting_for_a_match_ends_after_its_time(client: Client, backend: Backend) -> None:
    backend.pending_polls = 1_000_000
    with pytest.raises(WaitTimeoutError, match="extracting"):
        client.match("c", timeout_s=0.05)


def test_waiting_for_readiness_outlasts_a_server_that_is_not_ready(client: Client, backend: Backend) -> None:
    backend.unready_polls = 3
    client.wait_ready(timeout_s=30)
    assert backend.unready_polls == 0


def test_waiting_for_readiness_ends_after_its_time(client: Client, backend: Backend) -> None:
    backend.unready_polls = 1_000_000
    with pytest.raises(WaitTimeoutError):
        client.wait_ready(timeout_s=0.05)


def test_deleting_names_the_track_and_the_clip(client: Client, backend: Backend) -> None:
    client.delete_track("a")
    client.delete_clip("b")
    assert backend.deleted == ["/audio/a", "/videos/b"]


def test_a_server_that_does_not_answer_is_unreachable_and_not_ready() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with Client(f"http://127.0.0.1:{unused.getsockname()[1]}") as client:
            assert not client.ready()
            with pytest.raises(UnreachableError):
                client.about()


def test_an_answer_of_another_form_is_told_apart(client: Client) -> None:
    with pytest.raises(UnexpectedAnswerError, match="Match"):
        client.match_once("other-server")


def test_the_key_goes_with_every_request_and_without_one_nothing_does(backend: Backend) -> None:
    with Client(backend.url, api_key="nd_secret") as client:
        client.delete_track("a")
    with Client(backend.url) as client:
        client.delete_track("a")
    assert backend.authorizations == ["Bearer nd_secret", None]
