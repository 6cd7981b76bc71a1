import hashlib
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from matcher.assets.schemas import AssetFields
from matcher.bodies import RequestBody
from matcher.errors import ApiError
from matcher.uploads.fields import UploadFields
from matcher.uploads.receiving import Upload, clean_name, receive
from tests.unit.matcher.uploads.declared import ReelFields

LIMIT = 1000


def request(chunks: list[bytes], headers: dict[str, str], query: str = "") -> Request:
    """A request whose body arrives in the given chunks."""
    messages = iter(
        [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        + [{"type": "http.request", "body": b"", "more_body": False}]
    )

    async def receive_message() -> dict[str, object]:
        return next(messages)

    async def send(_: object) -> None:
        raise AssertionError("nobody answers here")

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": query.encode()}
    return Request(scope, RequestBody(scope, receive_message, send, idle_s=5, least_rate=1).receive)


def take(req: Request, scratch: Path, fields: type[UploadFields] = AssetFields) -> tuple[Upload, bytes]:
    async def run() -> tuple[Upload, bytes]:
        async with receive(req, fields, LIMIT, scratch, anyio.CapacityLimiter(1)) as upload:
            return upload, upload.path.read_bytes()

    return anyio.run(run)


def form(body: bytes, filename: str = "a.mp3", title: str = "") -> bytes:
    head = f'--xx\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n' if title else ""
    part = f'--xx\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    part += "Content-Type: audio/mpeg\r\n\r\n"
    return head.encode() + part.encode() + body + b"\r\n--xx--\r\n"


FORM = {"content-type": "multipart/form-data; boundary=xx"}


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert list(tmp_path.iterdir()) == [], "an upload left a file behind"


@given(body=st.binary(min_size=1, max_size=300), size=st.integers(1, 60))
def test_a_form_cut_into_any_chunks_gives_the_files_bytes(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, size: int
) -> None:
    whole = form(body, title="Blue")
    chunks = [whole[i : i + size] for i in range(0, len(whole), size)]
    upload, stored = take(request(chunks, FORM), tmp_path_factory.getbasetemp())
    assert stored == body
    assert upload.sha256 == hashlib.sha256(body).hexdigest()
    assert (upload.bytes, upload.filename, upload.media_type) == (len(body), "a.mp3", "audio/mpeg")
    assert upload.fields == {"title": "Blue"}


def test_a_raw_body_takes_its_name_and_fields_from_the_query(scratch: Path) -> None:
    upload, stored = take(
        request([b"ab", b"c"], {"content-type": "application/octet-stream"}, "filename=x.ogg&title=T"), scratch
    )
    assert stored == b"abc"
    assert (upload.filename, upload.media_type, upload.fields) == ("x.ogg", "audio/ogg", {"title": "T"})


def test_only_the_targets_fields_are_kept(scratch: Path) -> None:
    two = form(b"abc", title="T")
    two = two.replace(b"--xx", b'--xx\r\nContent-Disposition: form-data; name="mood"\r\n\r\ndark\r\n--xx', 1)
    for req in (request([two], FORM), request([b"abc"], {}, "title=T&mood=dark")):
        assert take(req, scratch, ReelFields)[0].fields == {"mood": "dark"}


@pytest.mark.parametrize(
    ("req", "status", "code"),
    [
        (request([b"x" * 600, b"x" * 600], {}), 413, "upload_too_large"),
        (request([], {"content-length": "99999999"}), 413, "upload_too_large"),
        (request([form(b"x" * 1001)], FORM), 413, "upload_too_large"),
        (request([], {}), 422, "media_empty"),
        (request([form(b"")], FORM), 422, "media_empty"),
        (request([form(b"abc")[:-10]], FORM), 400, "upload_incomplete"),
        (request([b"nonsense"], FORM), 400, "body_malformed"),
        (request([b"abc"], {"content-type": "multipart/form-data"}), 400, "body_malformed"),
        (request([form(b"a")[:-8] + b"\r\n" + form(b"b")], FORM), 400, "body_malformed"),
        (
            request([b'--xx\r\nContent-Disposition: form-data; name="t"\r\n\r\nx\r\n--xx--\r\n'], FORM),
            422,
            "file_missing",
        ),
        (request([form(b"a", title="t" * 5000)], FORM), 413, "field_too_large"),
    ],
)
def test_a_body_that_is_no_upload_is_refused_with_its_code(req: Request, status: int, code: str, scratch: Path) -> None:
    with pytest.raises(ApiError) as caught:
        take(req, scratch)
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\music\\a.mp3", "a.mp3"),
        ("a\x00b\n.mp3", "ab.mp3"),
        ("", "untitled"),
        ("..", ".."),
        ("é" * 300, "é" * 255),
    ],
)
def test_a_file_name_is_data_never_a_path(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned
