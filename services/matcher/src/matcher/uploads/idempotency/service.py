"""Answering a request once: what it does and the answer to it are committed together, so no crash comes between."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from matcher.context import context_of
from matcher.db import Database
from matcher.errors import ApiError
from matcher.tables import IdempotencyKey
from matcher.uploads.idempotency.keys import IdempotencyRequest, idempotency_of
from matcher.uploads.idempotency.repository import IdempotencyRepository


@dataclass(frozen=True)
class Made:
    """The answer to a request that made something."""

    body: BaseModel
    headers: dict[str, str] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.ACCEPTED


Make = Callable[[Database], Made]


def answer(request: Request, fingerprint: str, make: Make) -> Response:
    """What `make` says, or what it said when this `Idempotency-Key` was used first.

    `fingerprint`: a hash of what is asked for. An error is not kept: it changed nothing, so the key may be tried again.
    `ApiError`: `idempotency_key_reused` (422), `idempotency_in_progress` (409).
    """
    database, key = context_of(request).database, idempotency_of(request)
    if key is None:
        return _response(make(database))
    with database.begin() as session:
        keys = IdempotencyRepository(session)
        if not keys.try_lock(key):
            raise ApiError(
                HTTPStatus.CONFLICT,
                "idempotency_in_progress",
                "a request with this Idempotency-Key is being answered",
                {"Retry-After": "1"},
            )
        kept = keys.find(key)
        if kept is None:
            response = _response(make(database.within(session)))
            keys.add(_keep(key, fingerprint, response))
            return response
    if kept.fingerprint != fingerprint:
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "this Idempotency-Key was used for another request",
        )
    return Response(kept.body, kept.status, kept.headers, media_type="application/json")


def fingerprint(asked_for: BaseModel) -> str:
    """A hash of a JSON body, however it was written."""
    return hashlib.sha256(asked_for.model_dump_json().encode()).hexdigest()


def _response(made: Made) -> Response:
    return Response(made.body.model_dump_json().encode(), made.status, made.headers, media_type="application/json")


def _keep(key: IdempotencyRequest, fingerprint: str, response: Response) -> IdempotencyKey:
    headers = {name: response.headers[name] for name in ("location", "retry-after") if name in response.headers}
    return IdempotencyKey(
        caller=key.caller,
        route=key.route,
        key=key.key,
        fingerprint=fingerprint,
        status=response.status_code,
        headers=headers,
        body=bytes(response.body),
    )
