"""Who calls, as the gate found out."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from matcher.access.scopes import Scope

CALLER_KEY = "needledrop.caller"


@dataclass(frozen=True)
class Caller:
    """`key_id` None: somebody on this machine, while there is no key. `session`: the page, signed in with the key.

    `rate_per_s` and `daily_bytes` are what the key may use, None without a limit.
    """

    key_id: UUID | None
    name: str
    scope: Scope
    session: bool = False
    rate_per_s: float | None = None
    daily_bytes: int | None = None


LOCAL = Caller(None, "this machine", Scope.ADMIN)


def caller_of(request: Request) -> Caller:
    """Who sent the request; only public routes are called without one."""
    caller = request.scope[CALLER_KEY]
    assert isinstance(caller, Caller)
    return caller
