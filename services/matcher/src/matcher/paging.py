"""Lists in pages: how many rows a page has, and where the next one begins."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import BaseModel

from matcher import cursors

Row = TypeVar("Row")
Limit = Annotated[int, Query(ge=1, le=500, description="Most rows on a page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]


class Page(BaseModel):
    """`next_cursor` is null on the last page."""

    total: int
    next_cursor: str | None


def cut(rows: Sequence[Row], limit: int, key: Callable[[Row], BaseModel]) -> tuple[Sequence[Row], str | None]:
    """The first `limit` rows, and the cursor of the page after them: None if there are no more rows."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursors.encode(key(rows[limit - 1]))
