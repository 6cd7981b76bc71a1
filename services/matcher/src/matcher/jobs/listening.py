"""Being woken by new jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from matcher.jobs.repository import CHANNEL
from matcher.settings import MatcherSettings


@contextmanager
def listening(settings: MatcherSettings) -> "Iterator[psycopg.Connection[Any]]":
    """A connection whose `notifies` tells of new jobs; `psycopg.OperationalError` where it can't be had or breaks."""
    url = settings.database_url.get_secret_value().replace("postgresql+psycopg", "postgresql", 1)
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        yield connection
