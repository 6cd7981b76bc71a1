import base64

import pytest
from starlette.requests import Request

from matcher.errors import ApiError
from matcher.uploads.resumable.headers import announced
from tests.unit.matcher.uploads.declared import REEL

TARGETS = {"reel": REEL, "still": REEL, "sketch": REEL}


def creation(**metadata: str) -> Request:
    said = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
    headers = [(b"upload-length", b"3"), (b"upload-metadata", said.encode())]
    return Request({"type": "http", "method": "POST", "path": "/uploads", "headers": headers, "query_string": b""})


def test_the_metadata_gives_the_fields_of_its_target() -> None:
    state = announced(creation(kind="reel", filename="a.mp4", mood="dark", title="T"), "", TARGETS)
    assert (state.kind, state.filename, state.fields) == ("reel", "a.mp4", {"mood": "dark"})


def test_an_unknown_kind_is_answered_with_those_there_are() -> None:
    with pytest.raises(ApiError, match=r"metadata_invalid: .* reel, still or sketch$"):
        announced(creation(kind="opera"), "", TARGETS)


def test_a_field_that_cannot_be_read_is_refused_before_any_byte_comes() -> None:
    with pytest.raises(ApiError, match="request_invalid: year: "):
        announced(creation(kind="reel", year="soon"), "", TARGETS)
