import pytest

from matcher.assets.ranges import parse_range
from matcher.errors import ApiError


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=5-", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=8-99", (8, 10)),
        ("bytes=0-1,4-5", None),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("Bytes=2-5", (2, 6)),
        ("bytes=0-" + "9" * 18, (0, 10)),
        ("bytes=" + "9" * 5000 + "-", None),
        ("bytes=" + "0-," * 5000, None),
        ("bytes=a-b", None),
    ],
)
def test_a_range_of_a_ten_byte_file_is_read_as_rfc_9110_says(header: str | None, span: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_the_file_is_refused_with_the_size(header: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_range(header, 10)
    assert caught.value.status == 416
    assert caught.value.headers == {"Content-Range": "bytes */10"}
