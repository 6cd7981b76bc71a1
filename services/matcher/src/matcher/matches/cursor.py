"""Where the next page of a ranking begins."""

import base64
from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

_BYTES = 8


class Shown(BaseModel):
    """The tracks of a page that an index chose: the first bytes of their ids, which are random.

    Should the index have missed one that belonged there, the exact page after it brings that, and none twice.
    `until`: the distance of the last of them, beyond which nothing needs them any more.
    """

    ids: str
    until: float

    @classmethod
    def of(cls, track_ids: Sequence[UUID], until: float) -> "Shown":
        joined = b"".join(map(_start, track_ids))
        return cls(ids=base64.urlsafe_b64encode(joined).decode().rstrip("="), until=until)

    @field_validator("ids")
    @classmethod
    def _whole(cls, ids: str) -> str:
        if len(_decoded(ids)) % _BYTES:
            raise ValueError("ids are cut")
        return ids

    def has(self, track_id: UUID) -> bool:
        return _start(track_id) in self._starts()

    def __len__(self) -> int:
        return len(self._starts())

    def _starts(self) -> frozenset[bytes]:
        raw = _decoded(self.ids)
        return frozenset(raw[at : at + _BYTES] for at in range(0, len(raw), _BYTES))


class RankKey(BaseModel):
    """Rankings run by distance, ties by track id, so that the order never depends on how it is asked for.

    `model`: whose ranking this is a place in. `rank`: how many tracks came before. `place`: distance and id of the
    last of them in exact order; None after a page from an index, whose tracks are the `shown`.
    """

    model: str
    rank: int = Field(ge=0)
    place: tuple[float, UUID] | None = None
    shown: Shown | None = None


def _decoded(text: str) -> bytes:
    """`ValueError` where the text is not base64."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _start(track_id: UUID) -> bytes:
    return track_id.bytes[:_BYTES]
