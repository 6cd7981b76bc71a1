"""Row 10: bodies that lie, crawl, break off or swell. Nothing is held in memory, nothing is left behind."""

import fcntl
import hashlib
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.embedded import Servers
from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.running import RunningApi, answer_of, head, http, running_api, send_until_refused

CAP = 16 << 20
IDLE_S = 2
FLAT = 96 << 20
"""More than this no upload may add to the API's memory; a body that were kept would add hundreds of MB."""
Tell = Callable[[Outcome], None]


@pytest.fixture(scope="module")
def api(servers: Servers, home: Path) -> Iterator[RunningApi]:
    folder = home / "uploads"
    folder.mkdir()
    with running_api(servers, folder, max_upload_bytes=CAP, upload_idle_s=IDLE_S, upload_least_rate=1024) as running:
        running.rows()
        yield running


@pytest.fixture(autouse=True)
def nothing_left(api: RunningApi) -> Iterator[None]:
    """After each test the library is as it was before, and no file is there that wasn't."""
    before = api.rows(), api.files()
    yield
    deadline = time.monotonic() + 30
    while (api.rows(), api.files()) != before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert (api.rows(), api.files()) == before


def endless(total: int, chunked: bool = False) -> Iterator[bytes]:
    piece = random.Random(SEED).randbytes(1 << 16)
    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    for _ in range(total // len(piece)):
        yield framed


LIES = {
    "true": ["Content-Length: {total}"],
    "true, expecting": ["Content-Length: {total}", "Expect: 100-continue"],
    "chunked": ["Transfer-Encoding: chunked"],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_body_that_is_too_large_is_refused_with_flat_memory(api: RunningApi, lie: str, tell: Tell) -> None:
    total = sized(256 << 20, 4 << 30)
    before, most_sent, statuses = api.memory(), 0, []
    for content in ("application/octet-stream", "multipart/form-data; boundary=xx"):
        form = (
            b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if "form" in content else b""
        )
        with api.connect() as client:
            lines = [line.format(total=total) for line in LIES[lie]]
            client.sendall(head("/audio", f"Content-Type: {content}", *lines))
            if "expecting" in lie:
                statuses.append(answer_of(client))
                continue
            chunked = lie == "chunked"
            client.sendall((b"%x\r\n%s\r\n" % (len(form), form) if chunked else form) if form else b"")
            most_sent = max(most_sent, send_until_refused(client, endless(total, chunked)))
            statuses.append(answer_of(client))
    grown = api.memory() - before
    tell(Outcome(10, f"oversize, length {lie}", 2, 2, 0, 0, note=f"sent {most_sent >> 10} KiB, grew {grown >> 20} MiB"))
    assert [(status, problem["code"]) for status, problem in statuses] == [(413, "upload_too_large")] * 2
    assert most_sent < (CAP + (2 << 20) if lie == "chunked" else 1 << 20)
    assert grown < FLAT


def test_a_body_that_is_longer_than_it_says_is_not_read_past_its_end(api: RunningApi, tell: Tell) -> None:
    form = (
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 5000 + b"\r\n--xx--\r\n"
    )
    with api.connect() as client:
        client.sendall(head("/audio", "Content-Type: multipart/form-data; boundary=xx", "Content-Length: 1000") + form)
        status, problem = answer_of(client)
    tell(Outcome(10, "longer than it says", 1, 1, 0, 0))
    assert (status, problem["code"]) == (400, "upload_incomplete")


def test_a_body_without_a_length_is_no_body(api: RunningApi, tell: Tell) -> None:
    with api.connect() as client:
        client.sendall(head("/audio", "Connection: close"))
        status, problem = answer_of(client)
    tell(Outcome(10, "no length", 1, 1, 0, 0))
    assert (status, problem["code"]) == (422, "media_empty")


def test_what_breaks_off_leaves_no_row_and_no_file(api: RunningApi, tell: Tell) -> None:
    dice, count = random.Random(SEED), sized(20, 500)
    for number in range(count):
        size = dice.randrange(1000, 2 << 20)
        with api.connect() as client:
            lines = ["Content-Type: multipart/form-data; boundary=xx"] if number % 2 else []
            client.sendall(head("/videos", *lines, f"Content-Length: {size}"))
            start = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if number % 2 else b""
            client.sendall((start + dice.randbytes(size))[: dice.randrange(1, size)])
            if number % 3 == 0:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, no goodbye
    tell(Outcome(10, "abort", count, count, 0, 0))


def test_slow_clients_are_let_go_while_others_are_served(api: RunningApi, tell: Tell) -> None:
    slow = [api.connect() for _ in range(200)]
    for number, client in enumerate(slow):
        client.sendall(head("/audio", "Content-Length: 1000000")[: None if number % 4 else 30])
        client.sendall(b"x" if number % 4 else b"")
    before = api.memory()
    served = 0
    with ThreadPoolExecutor(4) as pool:

        def post(number: int) -> str:
            answer = http.post(f"{api.url}/audio", content=b"track %d" % number)
            assert answer.status_code == 202, answer.text
            return str(answer.json()["id"])

        ids = list(pool.map(post, range(20)))
        served = len(ids)
    statuses = [answer_of(client)[0] for client in slow]
    for client in slow:
        client.close()
    for track in ids:
        assert http.delete(f"{api.url}/audio/{track}").status_code == 204
    grown = api.memory() - before
    tell(Outcome(10, "slow clients", 220, 200, 20 - served, 0, note=f"grew {grown >> 20} MiB"))
    assert sorted(set(statuses)) == [0, 408], "whoever sent half a head is cut off, whoever sent half a body is told so"
    assert statuses.count(408) == 150
    assert grown < FLAT


def test_a_client_that_crawls_is_too_slow_though_it_never_stops(api: RunningApi, tell: Tell) -> None:
    with api.connect() as client:
        client.sendall(head("/audio", "Content-Length: 1000000"))
        client.settimeout(0.3)
        data, dots = b"", 0
        while not data and dots < 200:
            client.sendall(b".")
            dots += 1
            try:
                data = client.recv(1 << 16)
            except TimeoutError:
                continue
    tell(Outcome(10, "crawling client", 1, 1, 0, 0, note=f"{dots} bytes taken"))
    assert data.startswith(b"HTTP/1.1 408")


def part(name: str, value: bytes, extra: str = "") -> bytes:
    return f'--xx\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + value + b"\r\n"


FORMS = {
    "thousands of parts": (part("t", b"x") * 20_000, 413, "form_too_large"),
    "a huge field name": (part("n" * 1_000_000, b"x"), 400, "body_malformed"),
    "a huge field": (part("title", b"x" * 1_000_000), 413, "field_too_large"),
    "a thousand headers": (b"--xx\r\n" + b"X-A: b\r\n" * 1000 + b"\r\nx\r\n", 400, "body_malformed"),
    "a long preamble": (b"\r\n" * 1_000_000, 413, "form_too_large"),
    "a long epilogue": (part("file", b"x") + b"--xx--\r\n" + b"y" * 1_000_000, 413, "form_too_large"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_swells_is_refused(api: RunningApi, form: str, tell: Tell) -> None:
    body, status, code = FORMS[form]
    headers = {"Content-Type": "multipart/form-data; boundary=xx"}
    answer = http.post(f"{api.url}/audio", content=body, headers=headers)
    tell(Outcome(10, form, 1, 1, 0, 0))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_a_killed_api_leaves_is_removed_at_the_next_start(api: RunningApi, tell: Tell) -> None:
    with api.connect() as client:
        client.sendall(head("/audio", "Content-Length: 5000000") + b"x" * 2_000_000)
        deadline = time.monotonic() + 30
        while not (left := [name for name in api.files() if "upload-" in name]) and time.monotonic() < deadline:
            time.sleep(0.05)
        api.end(signal.SIGKILL)
    for name in left:
        os.utime(api.media / name, (0, 0))
    young, owned = (api.media / ".staging" / f"upload-{name}" for name in ("young", "owned"))
    young.write_bytes(b"just begun by another process")
    os.utime(young, (time.time() + 3600, time.time() + 3600))
    with owned.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        os.utime(owned, (0, 0))
        api.start()
        _wait_until_gone(api, left)
    alive = young.exists(), owned.exists()
    young.unlink()
    owned.unlink()
    tell(Outcome(10, "API killed while it receives", 1, 1, 0, 0))
    assert len(left) == 1
    assert not (api.media / left[0]).exists()
    assert alive == (True, True)


def _wait_until_gone(api: RunningApi, left: list[str]) -> None:
    deadline = time.monotonic() + 30
    while any((api.media / name).exists() for name in left) and time.monotonic() < deadline:
        time.sleep(0.1)


def test_many_uploads_of_the_same_bytes_at_once_are_one_track(api: RunningApi, tell: Tell) -> None:
    data = random.Random(SEED).randbytes(300_000)
    count = sized(24, 400)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: http.post(f"{api.url}/audio", content=data), range(count)))
    ids = {answer.json()["id"] for answer in answers}
    stored = (api.media / "media" / (sha := hashlib.sha256(data).hexdigest())[:2] / sha).read_bytes()
    tell(Outcome(10, "the same bytes at once", count, 0, 0, len(ids) - 1))
    assert {answer.status_code for answer in answers} == {202}
    assert len(ids) == 1
    assert stored == data
    http.delete(f"{api.url}/audio/{ids.pop()}")


def test_a_bad_key_is_refused_before_its_gigabyte_is_read(servers: Servers, tmp_path: Path, tell: Tell) -> None:
    with running_api(servers, tmp_path) as api:
        sent = []
        for scheme in ("Content-Length: 1073741824", "Transfer-Encoding: chunked"):
            with api.connect() as client:
                client.sendall(head("/audio", "Authorization: Bearer nonsense", scheme))
                sent.append(send_until_refused(client, endless(1 << 30, "chunked" in scheme)))
                status, problem = answer_of(client)
                assert (status, problem["code"]) == (401, "key_invalid")
        with api.connect() as client:
            client.sendall(
                head("/audio", "Authorization: Bearer nonsense", "Content-Length: 99", "Expect: 100-continue")
            )
            assert answer_of(client)[0] == 401
        tell(Outcome(10, "bad key with 1 GB", 3, 3, 0, 0, note=f"read at most {max(sent) >> 10} KiB"))
        assert max(sent) < 1 << 20
        assert (sum(api.rows().values()), api.files()) == (0, set())
