"""Making, listing and revoking keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from matcher.access.repository import KeyRepository
from matcher.access.scopes import Scope
from matcher.access.tokens import new_key
from matcher.db import Database
from matcher.errors import not_found
from matcher.tables import ApiKey


@dataclass(frozen=True)
class KeyWish:
    """`lasts` None: until it is revoked. `rate_per_s`, `daily_bytes` None: as the settings say for all."""

    name: str
    scope: Scope
    lasts: timedelta | None = None
    rate_per_s: float | None = None
    daily_bytes: int | None = None


@dataclass(frozen=True)
class NewKey:
    """`text` is the key itself: it is nowhere kept and can't be shown again."""

    key: ApiKey
    text: str


def create_key(database: Database, wish: KeyWish) -> NewKey:
    token = new_key()
    with database.begin() as session:
        keys = KeyRepository(session)
        key = ApiKey(
            name=wish.name,
            scope=wish.scope,
            prefix=token.prefix,
            sha256=token.sha256,
            rate_per_s=wish.rate_per_s,
            daily_bytes=wish.daily_bytes,
            expires_at=keys.now() + wish.lasts if wish.lasts else None,
        )
        keys.add(key)
    return NewKey(key, token.text)


def list_keys(database: Database) -> list[ApiKey]:
    """Newest first, the revoked among them."""
    with database.begin() as session:
        return list(KeyRepository(session).all())


def get_key(database: Database, key_id: UUID) -> ApiKey:
    """`ApiError(not_found)`."""
    with database.begin() as session:
        key = KeyRepository(session).get(key_id)
    if key is None:
        raise not_found("key")
    return key


def revoke_key(database: Database, key_id: UUID) -> None:
    """From now on the key opens nothing, nor do the sessions begun with it. `ApiError(not_found)`."""
    with database.begin() as session:
        if not KeyRepository(session).revoke(key_id):
            raise not_found("key")


def forget_keys(database: Database) -> int:
    """Delete every key; how many there were."""
    with database.begin() as session:
        return KeyRepository(session).forget_all()


def any_key(database: Database) -> bool:
    """True once a key has been made."""
    with database.begin() as session:
        return KeyRepository(session).any()


def ended(key: ApiKey, now: datetime) -> bool:
    """True where the key is revoked or has expired."""
    return key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now)
