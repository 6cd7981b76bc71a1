"""Bodies and methods that the framework refuses before any code of ours sees them."""

import pytest

from tests.api import Api

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [b'{"name": "\xff"}', b'{"seed": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"seed": ' + b"9" * 5000 + b"}"],
    ids=["not UTF-8", "nested too deeply", "a number of too many digits"],
)
def test_json_that_cannot_be_read_is_malformed(api: Api, body: bytes) -> None:
    answer = api.client.post("/models", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "body_malformed")


def test_another_method_is_refused_with_its_code(api: Api) -> None:
    answer = api.client.put("/about")
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method_not_allowed", "GET")


def test_a_piece_of_another_type_is_refused_with_its_code(api: Api) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "text/plain"}
    answer = api.client.patch("/uploads/00000000-0000-0000-0000-000000000000", content=b"a", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
