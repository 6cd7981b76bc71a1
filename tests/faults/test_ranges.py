"""Row 16: what of a file is sent, against the slices of its bytes; from a folder and from a bucket."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.embedded import Servers
from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.running import RunningApi, http, running_api

SIZE = (3 << 20) + 17
DATA = random.Random(SEED).randbytes(SIZE)
Tell = Callable[[Outcome], None]


@pytest.fixture(scope="module")
def api(servers: Servers, home: Path) -> Iterator[RunningApi]:
    folder = home / "ranges"
    folder.mkdir()
    with running_api(servers, folder) as running:
        yield running


@pytest.fixture(scope="module")
def url(api: RunningApi) -> str:
    return api.url + str(http.post(f"{api.url}/audio?filename=a.wav", content=DATA).json()["url"])


def expected(first: int | None, last: int | None) -> bytes | None:
    """By RFC 9110: the slice, None where nothing of it is in the file."""
    if first is None:
        return DATA[-last:] if last else None
    return DATA[first : SIZE if last is None else last + 1] or None


def test_any_one_range_is_the_slice_or_unsatisfiable(url: str, tell: Tell) -> None:
    dice, count, wrong, outside = random.Random(SEED), sized(150, 5000), 0, 0
    edges = [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, SIZE - 1, SIZE, SIZE + 1, 10**17]
    for _ in range(count):
        first = dice.choice([None, dice.choice(edges), dice.randrange(SIZE)])
        last = dice.choice([None, dice.choice(edges), dice.randrange(SIZE)])
        if (first is None and last is None) or (first is not None and last is not None and last < first):
            continue
        text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
        answer, want = http.get(url, headers={"Range": text}), expected(first, last)
        if want is None:
            outside += 1
            right = answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{SIZE}"
        else:
            start = SIZE - len(want) if first is None else first
            span = f"bytes {start}-{start + len(want) - 1}/{SIZE}"
            right = answer.status_code == 206 and answer.content == want and answer.headers["content-range"] == span
        wrong += not right
    tell(Outcome(16, "one range", count, outside, wrong, 0))
    assert wrong == 0
    assert outside > 0


@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-1,5-6",
        "bytes=" + ",".join(f"{i}-{i}" for i in range(1500)),
        "bytes=" + ",".join(["0-"] * 3000),
        "bytes=5-2",
        "bytes=-",
        "bytes=a-b",
        "bytes=" + "9" * 5000 + "-",
        "lines=0-1",
        "",
    ],
)
def test_several_ranges_and_nonsense_cost_one_reading_of_the_file(url: str, header: str, tell: Tell) -> None:
    answer = http.get(url, headers={"Range": header})
    tell(Outcome(16, f"range of {len(header)} characters", 1, 1, 0, 0, note=f"{len(answer.content)} bytes sent"))
    assert (answer.status_code, len(answer.content)) == (200, SIZE)
    assert answer.content == DATA


def test_who_has_the_bytes_is_told_so(url: str, tell: Tell) -> None:
    tag = http.head(url).headers["etag"]
    has = [tag, f"W/{tag}", "*", f'"x", {tag}', f'W/"x",{tag} , "y"']
    has_not = ['"x"', f'"{tag[1:-1]}x"', tag[1:-1], 'W/"x"', "", f'"a{tag}']
    found = [http.get(url, headers={"If-None-Match": value}).status_code for value in [*has, *has_not[:-1]]]
    tell(Outcome(16, "If-None-Match", len(found), 0, 0, 0))
    assert found == [304] * len(has) + [200] * (len(has_not) - 1)
    kept = http.get(url, headers={"If-None-Match": tag, "Range": "bytes=0-1"})
    assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", tag)


def test_if_range_takes_the_same_bytes_only(url: str, tell: Tell) -> None:
    tag = http.head(url).headers["etag"]
    conditions = {tag: 206, f"W/{tag}": 200, '"x"': 200, "Tue, 24 Nov 2026 00:00:00 GMT": 200}
    found = {
        value: http.get(url, headers={"Range": "bytes=1-3", "If-Range": value}).status_code for value in conditions
    }
    tell(Outcome(16, "If-Range", len(found), 0, 0, 0))
    assert found == conditions


def test_head_tells_of_the_whole_file_and_sends_nothing(url: str) -> None:
    answer = http.head(url, headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(SIZE), b"")
    assert answer.headers["accept-ranges"] == "bytes"


def test_a_download_that_is_cut_anywhere_is_gone_on_with(url: str, tell: Tell) -> None:
    dice, whole, tag, cuts = random.Random(SEED), b"", http.head(url).headers["etag"], 0
    while len(whole) < SIZE:
        headers = {"Range": f"bytes={len(whole)}-", "If-Range": tag}
        with http.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 206
            until = len(whole) + dice.randrange(1, SIZE // 4)
            for chunk in answer.iter_bytes(1 << 14):
                whole += chunk
                if len(whole) > until:
                    cuts += 1
                    break
    tell(Outcome(16, "download cut and gone on with", 1, cuts, int(whole != DATA), 0))
    assert whole == DATA
