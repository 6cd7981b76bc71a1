import base64
import json
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import cursors
from matcher.errors import ApiError
from matcher.matches.cursor import RankKey, Shown


@given(distance=st.floats(0, 1e6), track=st.uuids())
def test_a_cursor_gives_back_the_exact_key(distance: float, track: UUID) -> None:
    key = RankKey(model="m", rank=7, place=(distance, track))
    assert cursors.decode(RankKey, cursors.encode(key)) == key


@given(text=st.text(max_size=80))
def test_any_other_text_is_refused_with_a_code(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        cursors.decode(RankKey, text)
    assert (caught.value.status, caught.value.code) == (422, "cursor_invalid")


def test_the_shown_tracks_of_a_page_are_known_again_and_no_others() -> None:
    tracks = [uuid4() for _ in range(100)]
    shown = Shown.of(tracks, 1.5)
    key = RankKey(model="m", rank=100, shown=shown)
    text = cursors.encode(key)
    back = cursors.decode(RankKey, text)
    assert back == key
    assert back is not None
    assert back.shown is not None
    assert len(back.shown) == 100
    assert all(back.shown.has(track) for track in tracks)
    assert not any(back.shown.has(uuid4()) for _ in range(1000))
    assert len(text) < 4000, "what the parameter takes"


@pytest.mark.parametrize("ids", ["AAAA", "AAAAA", "é", "A*A="])
def test_a_cursor_whose_shown_tracks_are_garbage_is_refused(ids: str) -> None:
    forged = {"model": "m", "rank": 1, "shown": {"ids": ids, "until": 1.0}}
    text = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode()
    with pytest.raises(ApiError) as caught:
        cursors.decode(RankKey, text)
    assert caught.value.code == "cursor_invalid"
