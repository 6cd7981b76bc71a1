"""The SQL of idempotency keys."""

from datetime import timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from matcher.tables import IdempotencyKey
from matcher.uploads.idempotency.keys import IdempotencyRequest


class IdempotencyRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def try_lock(self, request: IdempotencyRequest) -> bool:
        """Until the transaction ends nobody else answers this key; False where somebody does so now."""
        name = "\n".join(("idempotency", request.caller, request.route, request.key))
        query = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 1))")
        return bool(self._session.scalar(query, {"name": name}))

    def find(self, request: IdempotencyRequest) -> IdempotencyKey | None:
        query = select(IdempotencyKey).where(
            IdempotencyKey.caller == request.caller,
            IdempotencyKey.route == request.route,
            IdempotencyKey.key == request.key,
        )
        return self._session.scalars(query).one_or_none()

    def add(self, kept: IdempotencyKey) -> None:
        self._session.add(kept)
        self._session.flush()

    def forget_older(self, keep_s: float) -> int:
        """Forget keys that are older than this; how many."""
        limit = func.clock_timestamp() - timedelta(seconds=keep_s)
        gone = delete(IdempotencyKey).where(IdempotencyKey.created_at < limit).returning(IdempotencyKey.key)
        return len(self._session.scalars(gone).all())
