"""Resumable uploads by a tus client of somebody else's, over a line that breaks, to an API that dies."""

import base64
import hashlib
import io
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests.embedded import Servers
from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.cutting import CuttingProxy
from tests.faults.running import RunningApi, http, running_api

CAP = 64 << 20
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}
Tell = Callable[[Outcome], None]


@pytest.fixture(scope="module")
def api(servers: Servers, home: Path) -> Iterator[RunningApi]:
    folder = home / "resumable"
    folder.mkdir()
    with running_api(servers, folder, max_upload_bytes=CAP, upload_idle_s=5) as running:
        yield running


def metadata(**fields: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in fields.items())


def create(api: RunningApi, length: int, **fields: str) -> str:
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(**{"kind": "audio", **fields})}
    answer = http.post(f"{api.url}/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return api.url + answer.headers["location"]


@pytest.mark.parametrize("kind", ["audio", "video", "pair"])
def test_a_file_arrives_whole_over_a_line_that_breaks(api: RunningApi, kind: str, tell: Tell) -> None:
    dice = random.Random(f"{SEED} {kind}")
    data = dice.randbytes(sized(3 << 20, 40 << 20))
    left = sized(6, 40)

    def after() -> int | None:
        nonlocal left
        left -= 1
        return dice.randrange(200, len(data) // 4) if left > 0 else None

    proxy, deaths = CuttingProxy(api.port, after), 0
    client = TusClient(f"http://127.0.0.1:{proxy.port}/uploads")
    fields = {"kind": kind, "filename": "../Näch te.bin", "title": "Night"}
    uploader = client.uploader(file_stream=io.BytesIO(data), chunk_size=1 << 20, metadata=fields, retries=0)
    tries, url = 0, ""
    while True:
        tries += 1
        assert tries < 20 * sized(6, 40)
        try:
            url = url or str(uploader.create_url())
            uploader.set_url(url)
            uploader.offset = uploader.get_offset()
            uploader.upload()
            break
        except (TusCommunicationError, requests.RequestException):
            if deaths < 1 and url:
                api.end(signal.SIGKILL)
                api.start()
                deaths += 1
            time.sleep(0.1)
    proxy.close()
    state = http.head(url.replace(str(proxy.port), str(api.port)), headers=TUS)
    made = http.get(api.url + state.headers["content-location"].replace("/match/", "/videos/")).json()
    stored = http.get(api.url + made["url"]).content
    tell(Outcome(10, f"tus, {kind}", 1, proxy.cuts + deaths, int(stored != data), 0, note=f"{tries} tries"))
    assert proxy.cuts > 0
    assert deaths == 1
    assert stored == data
    assert (made["sha256"], made["title"], made["filename"]) == (
        hashlib.sha256(data).hexdigest(),
        "Night",
        "Näch te.bin",
    )


def test_the_server_says_what_it_can(api: RunningApi) -> None:
    answer = http.options(f"{api.url}/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["tus-max-size"] == str(CAP)
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "termination",
    }


def test_pieces_are_taken_in_order_only_and_the_last_one_adds_the_file(api: RunningApi) -> None:
    url = create(api, 10)
    wrong = http.patch(url, headers={**PIECE, "Upload-Offset": "3"}, content=b"abc")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["upload-offset"]) == (409, "offset_mismatch", "0")
    first = http.patch(url, headers={**PIECE, "Upload-Offset": "0"}, content=b"01234")
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5")
    assert "upload-expires" in first.headers
    assert "content-location" not in first.headers
    too_much = http.patch(url, headers={**PIECE, "Upload-Offset": "5"}, content=b"567890")
    assert (too_much.status_code, too_much.json()["code"]) == (413, "upload_too_large")
    last = http.patch(url, headers={**PIECE, "Upload-Offset": "5"}, content=b"56789")
    assert last.status_code == 204
    assert http.get(api.url + last.headers["content-location"] + "/file").content == b"0123456789"
    again = http.head(url, headers=TUS)
    assert (again.headers["upload-offset"], again.headers["upload-length"]) == ("10", "10")
    assert again.headers["content-location"] == last.headers["content-location"]
    assert again.headers["cache-control"] == "no-store"


def test_a_last_piece_that_is_sent_again_changes_nothing(api: RunningApi) -> None:
    url = create(api, 3)
    first = http.patch(url, headers={**PIECE, "Upload-Offset": "0"}, content=b"abc")
    before = api.files()
    again = http.patch(url, headers={**PIECE, "Upload-Offset": "3"}, content=b"")
    assert (again.status_code, again.headers["upload-offset"]) == (204, "3")
    assert again.headers["content-location"] == first.headers["content-location"]
    assert api.files() == before


def test_a_first_piece_may_come_with_the_creation(api: RunningApi) -> None:
    headers = {**PIECE, "Upload-Length": "4", "Upload-Metadata": metadata(kind="video", filename="a.mp4")}
    whole = http.post(f"{api.url}/uploads", headers=headers, content=b"clip")
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, "4")
    assert whole.headers["content-location"].startswith("/match/")


def test_an_upload_that_was_ended_is_gone_with_its_file(api: RunningApi) -> None:
    before = api.files()
    url = create(api, 10)
    http.patch(url, headers={**PIECE, "Upload-Offset": "0"}, content=b"0123")
    assert api.files() != before
    assert http.delete(url, headers=TUS).status_code == 204
    assert http.head(url, headers=TUS).status_code == 404
    assert api.files() == before


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": "1"}, 412, "tus_version"),
        ({**TUS, "Tus-Resumable": "0.9", "Upload-Length": "1"}, 412, "tus_version"),
        ({**TUS, "Upload-Length": "1"}, 400, "metadata_invalid"),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "kind !!"}, 400, "metadata_invalid"),
        ({**TUS, "Upload-Length": "-1", "Upload-Metadata": metadata(kind="audio")}, 400, "request_invalid"),
        ({**TUS, "Upload-Metadata": metadata(kind="audio")}, 400, "request_invalid"),
        (
            {**TUS, "Upload-Length": str(CAP + 1), "Upload-Metadata": metadata(kind="audio")},
            413,
            "upload_too_large",
        ),
        ({**TUS, "Upload-Length": "0", "Upload-Metadata": metadata(kind="audio")}, 422, "media_empty"),
    ],
)
def test_a_creation_that_is_none_is_refused(api: RunningApi, headers: dict[str, str], status: int, code: str) -> None:
    answer = http.post(f"{api.url}/uploads", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_piece_of_another_type_is_refused_and_an_unknown_upload_not_found(api: RunningApi) -> None:
    url = create(api, 3)
    assert http.patch(url, headers={**TUS, "Upload-Offset": "0"}, content=b"abc").status_code == 415
    elsewhere = url.rsplit("/", 1)[0] + "/00000000-0000-0000-0000-000000000000"
    assert http.patch(elsewhere, headers={**PIECE, "Upload-Offset": "0"}, content=b"abc").status_code == 404


def test_a_client_that_can_only_post_says_what_it_means(api: RunningApi) -> None:
    url = create(api, 3)
    override = {**PIECE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert http.post(url, headers=override, content=b"abc").headers["upload-offset"] == "3"
    assert http.post(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
