"""The SQL of keys and sessions."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from matcher.tables import ApiKey, KeyUsage, PageSession

USED_AT_MOST_EVERY = timedelta(minutes=1)


class KeyRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, key: ApiKey) -> ApiKey:
        self._session.add(key)
        self._session.flush()
        return key

    def all(self) -> Sequence[ApiKey]:
        """Newest first."""
        return self._session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id)).all()

    def get(self, key_id: UUID) -> ApiKey | None:
        return self._session.get(ApiKey, key_id)

    def any(self) -> bool:
        """True once a key has been made, revoked or not."""
        return bool(self._session.scalar(select(exists().select_from(ApiKey))))

    def by_hash(self, sha256: bytes) -> ApiKey | None:
        return self._session.scalars(select(ApiKey).where(ApiKey.sha256 == sha256)).one_or_none()

    def by_session(self, sha256: bytes) -> ApiKey | None:
        """The key that an open session was begun with."""
        query = (
            select(ApiKey)
            .join(PageSession, PageSession.key_id == ApiKey.id)
            .where(PageSession.sha256 == sha256, PageSession.expires_at > func.clock_timestamp())
        )
        return self._session.scalars(query).one_or_none()

    def now(self) -> datetime:
        """The database's clock, which all processes share."""
        found: datetime = self._session.execute(select(func.clock_timestamp())).scalar_one()
        return found

    def touch(self, key_id: UUID) -> None:
        """Note that the key is used now, unless that was noted within the last minute."""
        now = func.clock_timestamp()
        stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - USED_AT_MOST_EVERY)
        self._session.execute(update(ApiKey).where(ApiKey.id == key_id, stale).values(last_used_at=now))

    def use_bytes(self, key_id: UUID, day: date, count: int, limit: int) -> bool:
        """Count `count` bytes for the key's day; False, and nothing counted, where that would pass `limit`."""
        self._session.execute(upsert(KeyUsage).values(key_id=key_id, day=day, bytes=0).on_conflict_do_nothing())
        of_day = (KeyUsage.key_id == key_id) & (KeyUsage.day == day) & (KeyUsage.bytes + count <= limit)
        counted = update(KeyUsage).where(of_day).values(bytes=KeyUsage.bytes + count).returning(KeyUsage.bytes)
        return self._session.scalar(counted) is not None

    def return_bytes(self, key_id: UUID, day: date, count: int) -> None:
        of_day = (KeyUsage.key_id == key_id) & (KeyUsage.day == day)
        self._session.execute(update(KeyUsage).where(of_day).values(bytes=KeyUsage.bytes - count))

    def revoke(self, key_id: UUID) -> bool:
        """End the key and its sessions; False where there is none. One that is revoked stays as it is."""
        self._session.execute(delete(PageSession).where(PageSession.key_id == key_id))
        values = {"revoked_at": func.coalesce(ApiKey.revoked_at, func.clock_timestamp())}
        gone = update(ApiKey).where(ApiKey.id == key_id).values(**values).returning(ApiKey.id)
        return self._session.scalar(gone) is not None

    def forget_all(self) -> int:
        """Delete every key: the system is open to its own machine again. How many there were."""
        return len(self._session.scalars(delete(ApiKey).returning(ApiKey.id)).all())

    def begin_session(self, sha256: bytes, key_id: UUID, lasts: timedelta) -> None:
        """Add a session; those that have ended are removed on the way."""
        now = func.clock_timestamp()
        self._session.execute(delete(PageSession).where(PageSession.expires_at <= now))
        self._session.add(PageSession(sha256=sha256, key_id=key_id, expires_at=self.now() + lasts))

    def end_session(self, sha256: bytes) -> None:
        self._session.execute(delete(PageSession).where(PageSession.sha256 == sha256))
