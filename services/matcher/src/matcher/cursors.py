"""Opaque list cursors: the sort key of the last row seen, so that pages stay right while rows come and go."""

import base64
import json
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel

from matcher.errors import ApiError

Key = TypeVar("Key", bound=BaseModel)


def encode(key: BaseModel) -> str:
    return base64.urlsafe_b64encode(key.model_dump_json().encode()).decode().rstrip("=")


def decode(kind: type[Key], cursor: str | None) -> Key | None:
    """`ApiError(cursor_invalid)` where the text is not a cursor of this kind."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return kind.model_validate(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "cursor_invalid", "this cursor is not one of this list's"
        ) from error
