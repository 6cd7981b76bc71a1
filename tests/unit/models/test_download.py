"""Downloads over connections that break, from servers that answer otherwise than they should."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from needledrop.errors import DownloadError, ErrorCode
from needledrop_models.catalog import MIB, PublicFile
from needledrop_models.download import Patience, copy, download
from tests.unit.models.server import Answer, FileServer, serving

BODY = bytes(range(256)) * 1000
HALF = len(BODY) // 2
FILE = PublicFile("weights.bin", "http://example.org/weights.bin", "none", limit=1 << 20, size=len(BODY))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({"weights.bin": BODY}) as state:
        yield state


def get(server: FileServer, folder: Path, file: PublicFile = FILE, **patience: Any) -> Path:
    quick = Patience(**{"sleep": lambda _: None, **patience})
    return download(file, f"{server.url}/{file.name}", folder, quick, lambda *_: None)


class Refusal(NamedTuple):
    code: ErrorCode
    detail: str


def refusal(server: FileServer, folder: Path, file: PublicFile = FILE) -> Refusal:
    with pytest.raises(DownloadError) as caught:
        get(server, folder, file)
    return Refusal(caught.value.code, caught.value.detail)


def test_the_bytes_come_and_are_not_yet_in_place(server: FileServer, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    found = download(FILE, f"{server.url}/weights.bin", tmp_path, Patience(), lambda *now: told.append(now))
    assert found.read_bytes() == BODY
    assert found.name == ".weights.bin.part"
    assert told[-1] == (len(BODY), len(BODY))


def test_a_broken_connection_is_gone_on_with_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    server.plan = [Answer(cut=HALF), Answer(cut=10), Answer(cut=0)]
    assert get(server, tmp_path).read_bytes() == BODY
    ranges = [asked for _, asked in server.asked]
    assert ranges == [None, f"bytes={HALF}-", f"bytes={HALF + 10}-", f"bytes={HALF + 10}-"]


def test_a_later_run_goes_on_where_an_earlier_one_was_ended(server: FileServer, tmp_path: Path) -> None:
    server.plan = [Answer(cut=HALF)]
    with pytest.raises(DownloadError):
        get(server, tmp_path, tries=1)
    assert get(server, tmp_path).read_bytes() == BODY
    assert server.asked[-1] == ("weights.bin", f"bytes={HALF}-")


@pytest.mark.parametrize("size", [len(BODY), None])
def test_what_came_whole_before_an_earlier_run_was_ended_is_not_fetched_again(
    size: int | None, server: FileServer, tmp_path: Path
) -> None:
    file = replace(FILE, size=size)
    get(server, tmp_path, file)
    assert get(server, tmp_path, file).read_bytes() == BODY
    assert [asked for _, asked in server.asked] == [None, f"bytes={len(BODY)}-"]


@pytest.mark.parametrize("more", [0, 1])
def test_a_range_past_the_end_makes_the_file_be_fetched_from_its_start(
    more: int, server: FileServer, tmp_path: Path
) -> None:
    """Where the server doesn't tell the size, and where more bytes are there than the file has."""
    server.usual = Answer(total=bool(more))
    with get(server, tmp_path).open("ab") as part:
        part.write(bytes(more))
    assert get(server, tmp_path).read_bytes() == BODY
    assert [asked for _, asked in server.asked] == [None, f"bytes={len(BODY) + more}-", None]


def test_a_server_that_refuses_every_range_and_breaks_is_given_up(server: FileServer, tmp_path: Path) -> None:
    server.files["weights.bin"] = BODY * 12
    server.plan = [Answer(cut=2 * MIB), Answer(status=416)] * 5
    file = replace(FILE, size=None, limit=4 * MIB)
    with pytest.raises(DownloadError, match="in 5 tries"):
        get(server, tmp_path, file)


def test_a_server_without_ranges_is_asked_for_the_whole_again(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(ranges=False)
    server.plan = [Answer(cut=HALF)]
    assert get(server, tmp_path).read_bytes() == BODY


def test_without_a_version_to_compare_nothing_is_added_to(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(tag=None)
    server.plan = [Answer(cut=HALF, tag=None)]
    assert get(server, tmp_path).read_bytes() == BODY
    assert [asked for _, asked in server.asked] == [None, None]


def test_a_file_that_changed_meanwhile_is_not_mixed_with_the_old_one(server: FileServer, tmp_path: Path) -> None:
    server.plan = [Answer(cut=HALF)]
    with pytest.raises(DownloadError):
        get(server, tmp_path, tries=1)
    server.usual = Answer(tag='"2"')
    server.files["weights.bin"] = BODY[::-1]
    assert get(server, tmp_path).read_bytes() == BODY[::-1]


def test_bytes_of_another_address_are_not_added_to(server: FileServer, tmp_path: Path) -> None:
    server.plan = [Answer(cut=HALF)]
    with pytest.raises(DownloadError):
        get(server, tmp_path, tries=1)
    quick = Patience(sleep=lambda _: None)
    download(FILE, f"{server.url}/mirror/weights.bin", tmp_path, quick, lambda *_: None)
    assert server.asked[-1] == ("weights.bin", None)


def test_a_stalled_server_is_left_and_asked_again(server: FileServer, tmp_path: Path) -> None:
    server.plan = [Answer(cut=HALF, stall=True)]
    assert get(server, tmp_path, timeout_s=0.3).read_bytes() == BODY


def test_a_server_that_always_breaks_is_given_up_with_what_came(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(cut=100)
    found = refusal(server, tmp_path)
    assert found.code is ErrorCode.DOWNLOAD_FAILED
    assert found.detail.startswith("weights.bin from example.org: 500 of 256,000 bytes came in 5 tries")
    assert "an end after 500 of 256,000 bytes" in found.detail


def test_pauses_double_and_have_a_limit(server: FileServer, tmp_path: Path) -> None:
    pauses: list[float] = []
    server.usual = Answer(status=503)
    with pytest.raises(DownloadError, match="status 503"):
        get(server, tmp_path, tries=8, sleep=pauses.append)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_busy_server_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    server.plan = [Answer(status=503), Answer(status=429), Answer(status=500)]
    assert get(server, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_status_that_will_not_change_is_told_at_once(status: int, server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(status=status)
    assert refusal(server, tmp_path).detail == f"weights.bin: expected status 200 from 127.0.0.1, {status} came"
    assert len(server.asked) == 1


def test_redirects_are_followed_also_when_going_on(server: FileServer, tmp_path: Path) -> None:
    to = Answer(location=f"{server.url}/elsewhere/weights.bin")
    server.plan = [to, Answer(cut=HALF), to]
    assert get(server, tmp_path).read_bytes() == BODY
    assert server.asked[-1] == ("weights.bin", f"bytes={HALF}-")


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/weights.bin", "file:///etc/passwd"])
def test_a_redirect_out_of_the_web_is_not_followed(location: str, server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(location=location)
    assert "302 came" in refusal(server, tmp_path).detail


def test_a_redirect_without_end_is_told(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(location=f"{server.url}/weights.bin")
    assert "302 came" in refusal(server, tmp_path).detail


@pytest.mark.parametrize("change", [1, -1])
def test_another_length_is_refused_before_it_is_downloaded(change: int, server: FileServer, tmp_path: Path) -> None:
    server.files["weights.bin"] = (BODY + b"x")[: len(BODY) + change]
    expected = f"weights.bin: expected 256,000 bytes, {len(BODY) + change:,} came"
    assert refusal(server, tmp_path).detail == expected
    assert not (tmp_path / ".weights.bin.part").exists()


def test_a_short_file_of_a_server_that_tells_no_length_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(length=False, cut=100)
    assert refusal(server, tmp_path).detail == "weights.bin: expected 256,000 bytes, 100 came"


def test_more_bytes_than_the_limit_are_not_taken(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(length=False)
    file = PublicFile("weights.bin", "http://example.org/weights.bin", "none", limit=1000)
    assert "expected at most 1,000 bytes" in refusal(server, tmp_path, file).detail


def test_a_web_page_in_place_of_a_file_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(type="text/html")
    assert "a web page came" in refusal(server, tmp_path).detail


def test_a_disk_without_room_is_told_before(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert refusal(server, tmp_path).detail == "weights.bin: needs 256,000 bytes more, the disk has 1,000"


def test_a_disk_that_runs_full_is_told(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / ".weights.bin.part").symlink_to("/dev/full")
    assert refusal(server, tmp_path).detail == "weights.bin: can't be written: the disk is full"


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with serving({}) as server:
        gone = server.url
    with pytest.raises(DownloadError, match=r"ConnectionRefusedError"):
        download(FILE, f"{gone}/x", tmp_path, Patience(sleep=lambda _: None), lambda *_: None)


def test_a_folder_of_files_serves_as_well(tmp_path: Path) -> None:
    (tmp_path / "brought").mkdir()
    (tmp_path / "brought" / "weights.bin").write_bytes(BODY)
    assert copy(FILE, tmp_path / "brought", tmp_path).read_bytes() == BODY
    with pytest.raises(DownloadError, match=r"weights\.bin: is not in the folder empty"):
        copy(FILE, tmp_path / "empty", tmp_path)
