"""The header `Idempotency-Key`, as draft-ietf-httpapi-idempotency-key-header names things."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request

from matcher.access.caller import caller_of
from matcher.errors import ApiError

HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY: dict[str, Any] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "The same key and request again: the same answer, done once. Kept for a day.",
        }
    ]
}
_KEY = re.compile(r'"(?P<quoted>[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"|(?P<bare>[\x21\x23-\x7e]{1,255})')


@dataclass(frozen=True)
class IdempotencyRequest:
    """Who used which key where."""

    caller: str
    route: str
    key: str


def idempotency_of(request: Request) -> IdempotencyRequest | None:
    """The request's key, None where it has none; `ApiError(idempotency_key_invalid)`."""
    value = request.headers.get(HEADER)
    if value is None:
        return None
    match = _KEY.fullmatch(value.strip())
    if match is None:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "idempotency_key_invalid",
            "an Idempotency-Key is a string of 1 to 255 printable ASCII characters",
        )
    return IdempotencyRequest(
        owner_of(request), f"{request.method} {request.url.path}", match["quoted"] or match["bare"]
    )


def owner_of(request: Request) -> str:
    """Whose request it is: the id of its API key, empty where none is needed. Keys and uploads are a caller's own."""
    return str(caller_of(request).key_id or "")
