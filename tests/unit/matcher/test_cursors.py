from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import cursors
from matcher.errors import ApiError
from matcher.matches.cursor import RankKey


@given(distance=st.floats(0, 1e6), track=st.uuids())
def test_a_cursor_gives_back_the_exact_key(distance: float, track: UUID) -> None:
    key = RankKey(model="m", rank=7, place=(distance, track))
    assert cursors.decode(RankKey, cursors.encode(key)) == key


@given(text=st.text(max_size=80))
def test_any_other_text_is_refused_with_a_code(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        cursors.decode(RankKey, text)
    assert (caught.value.status, caught.value.code) == (422, "cursor_invalid")
