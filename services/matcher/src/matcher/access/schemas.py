"""Keys and sessions as the API tells of them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from matcher.access.scopes import Scope
from matcher.tables import ApiKey

LONGEST_DAYS = 3650
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
KeyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=PRINTABLE)]


class KeyIn(BaseModel):
    """A wish for a key. Without `expires_in_days` it holds until it is revoked.

    `rate_per_s` (requests a second) and `daily_bytes` (of uploads, a day in UTC) go before the server's settings.
    """

    model_config = ConfigDict(extra="forbid")
    name: KeyName
    scope: Scope = Scope.READ
    expires_in_days: int | None = Field(default=None, ge=1, le=LONGEST_DAYS)
    rate_per_s: float | None = Field(default=None, gt=0, le=1e6, allow_inf_nan=False)
    daily_bytes: int | None = Field(default=None, ge=0, le=2**62)


class KeyOut(BaseModel):
    """A key without its text. `prefix`: how the text begins. `last_used_at` is exact to a minute."""

    id: UUID
    name: str
    scope: Scope
    prefix: str
    rate_per_s: float | None
    daily_bytes: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "KeyOut":
        return cls.model_validate(key, from_attributes=True)


class KeyCreated(KeyOut):
    """`key` is the key itself; it is shown this once."""

    key: str


class KeyList(BaseModel):
    items: list[KeyOut]


class SessionOut(BaseModel):
    """Who calls. `key_required`: false while the system has no key. `signed_in`: by the page's cookie."""

    name: str
    scope: Scope
    key_required: bool
    signed_in: bool
