"""The SQL of stored content: one file's bytes and features, shared by every track, clip and pair that has them."""

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from matcher.locks import LockKey
from matcher.tables import Clip, Features, Pair, Track
from needledrop_storage.keys import info_key, media_key


def lock_content(session: Session, sha256: str) -> None:
    """Until the transaction ends, nobody else adds or removes a file with these bytes."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:sha256, 0))"), {"sha256": sha256})


def may_remove(session: Session) -> bool:
    """Whether objects may be removed from the media store until the transaction ends; not while a backup is made.

    What is left then is an orphan, for `matcher collect-orphans`.
    """
    return bool(session.scalar(text(f"SELECT pg_try_advisory_xact_lock_shared({LockKey.REMOVAL})")))


def forget_features(session: Session, sha256: str) -> list[str]:
    """Where no asset has these bytes any more: forget their features; returns the media store's keys of all of it."""
    if content_in_use(session, sha256):
        return []
    features = session.scalars(delete(Features).where(Features.media_sha256 == sha256).returning(Features.key))
    return [media_key(sha256), *(key for name in features for key in (name, info_key(name)))]


def content_in_use(session: Session, sha256: str) -> bool:
    return any(session.scalar(select(table.id).where(table.sha256 == sha256)) for table in (Track, Clip, Pair))
