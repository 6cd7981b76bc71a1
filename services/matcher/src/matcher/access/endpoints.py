"""`/keys`, and `/session`, by which the page signs in."""

from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher.access import keys
from matcher.access.caller import Caller, caller_of
from matcher.access.guard import COOKIE
from matcher.access.schemas import KeyCreated, KeyIn, KeyList, KeyOut, SessionOut
from matcher.access.scopes import Scope, needs
from matcher.access.sessions import SESSION_LASTS, begin_session, end_session
from matcher.context import context_of
from matcher.errors import ApiError

router = APIRouter(tags=["access"])


@router.post("/keys", status_code=HTTPStatus.CREATED)
@needs(Scope.ADMIN)
def create_key(request: Request, response: Response, wanted: KeyIn) -> KeyCreated:
    """Make a key. Its text is in this answer and nowhere else. From the first key on, every call needs one."""
    wish = keys.KeyWish(
        name=wanted.name,
        scope=wanted.scope,
        lasts=timedelta(days=wanted.expires_in_days) if wanted.expires_in_days else None,
        rate_per_s=wanted.rate_per_s,
        daily_bytes=wanted.daily_bytes,
    )
    made = keys.create_key(context_of(request).database, wish)
    response.headers["Location"] = f"/keys/{made.key.id}"
    response.headers["Cache-Control"] = "no-store"
    return KeyCreated(**KeyOut.of(made.key).model_dump(), key=made.text)


@router.get("/keys")
@needs(Scope.ADMIN)
def list_keys(request: Request) -> KeyList:
    """Every key, newest first, the revoked among them."""
    return KeyList(items=[KeyOut.of(key) for key in keys.list_keys(context_of(request).database)])


@router.get("/keys/{key_id}")
@needs(Scope.ADMIN)
def get_key(request: Request, key_id: UUID) -> KeyOut:
    """One key."""
    return KeyOut.of(keys.get_key(context_of(request).database, key_id))


@router.delete("/keys/{key_id}", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.ADMIN)
def revoke_key(request: Request, key_id: UUID) -> None:
    """Revoke a key: from now on neither it nor a session begun with it opens anything. It stays in the list."""
    keys.revoke_key(context_of(request).database, key_id)


@router.get("/session")
@needs(Scope.READ)
def get_session(request: Request) -> SessionOut:
    """Who calls, and with which scope; 401 where a key is missing."""
    return _describe(caller_of(request))


@router.post("/session", status_code=HTTPStatus.CREATED)
@needs(Scope.READ)
def sign_in(request: Request, response: Response) -> SessionOut:
    """Exchange the key that this request brings for a cookie, which media elements and event streams send, too.

    409 while there is no key: nothing asks for one then.
    """
    caller = caller_of(request)
    if caller.key_id is None:
        raise ApiError(HTTPStatus.CONFLICT, "no_key", "this server has no key yet, so there is nothing to sign in with")
    token = begin_session(context_of(request).database, caller.key_id)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=_over_tls(request),
    )
    response.headers["Cache-Control"] = "no-store"
    return _describe(caller).model_copy(update={"signed_in": True})


@router.delete("/session", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.READ)
def sign_out(request: Request, response: Response) -> None:
    """End the page's session."""
    token = request.cookies.get(COOKIE)
    if token:
        end_session(context_of(request).database, token)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_over_tls(request))


def _describe(caller: Caller) -> SessionOut:
    return SessionOut(
        name=caller.name, scope=caller.scope, key_required=caller.key_id is not None, signed_in=caller.session
    )


def _over_tls(request: Request) -> bool:
    """A proxy may have ended TLS; the browser names the scheme that it uses in `Origin`, which it sends with a POST."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
