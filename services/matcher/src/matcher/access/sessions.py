"""The page's sessions: rows, so that they end with their key, and at sign-out."""

from datetime import timedelta
from uuid import UUID

from matcher.access.repository import KeyRepository
from matcher.access.tokens import digest, new_session
from matcher.db import Database

SESSION_LASTS = timedelta(days=7)


def begin_session(database: Database, key_id: UUID) -> str:
    """The text for the cookie."""
    token = new_session()
    with database.begin() as session:
        KeyRepository(session).begin_session(token.sha256, key_id, SESSION_LASTS)
    return token.text


def end_session(database: Database, token: str) -> None:
    with database.begin() as session:
        KeyRepository(session).end_session(digest(token))
