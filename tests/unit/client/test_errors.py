from collections.abc import Iterator

import pytest
from tests.unit.client.backend import Backend

from needledrop_client import ApiError, Client


@pytest.fixture
def client(backend: Backend) -> Iterator[Client]:
    with Client(backend.url, timeout_s=10) as client:
        yield client


def test_a_problem_document_becomes_an_error_with_its_code(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.match("unknown")
    error = caught.value
    assert (error.status, error.code, error.detail) == (404, "not_found", "there is no such clip")
    assert error.instance == "/match/unknown"
    assert str(error) == "not_found: there is no such clip"


def test_a_clip_that_cannot_be_used_ends_the_wait_with_its_code(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.match("silent-black")
    assert (caught.value.status, caught.value.code) == (422, "no_video")


def test_an_error_that_is_no_problem_document_keeps_its_status(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.match("proxy-down")
    assert (caught.value.status, caught.value.code) == (502, "http_502")
