"""The database: engine and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import DataError, InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

__all__ = [
    "Connection",
    "DataError",
    "Database",
    "InterfaceError",
    "OperationalError",
    "PoolTimeout",
    "ProgrammingError",
    "SQLAlchemyError",
    "Session",
    "autocommitting",
]

POOL_TIMEOUT_S = 5.0
"""How long a request waits for a connection before it is told to come again."""
OPTIONS = "-c jit=off -c plan_cache_mode=force_custom_plan"
"""Compiling a ranking takes longer than running it; and only with the values seen does a plan use a model's index."""


class Database:
    """A pool of connections. Safe to share between threads, not between processes."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(
            url,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            pool_timeout=POOL_TIMEOUT_S,
            connect_args={"connect_timeout": 5, "options": OPTIONS},
        )
        self._session = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction: committed where the block ends well, rolled back where it raises."""
        with self._session.begin() as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One transaction for reading: all that it reads is as it was at its first query."""
        with self._session.begin() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
            yield session

    def within(self, session: Session) -> "Database":
        """The same database, its transactions being parts of this one: they are committed with it or not at all."""
        return _Within(self, session)

    def ping(self) -> None:
        """`sqlalchemy.exc.OperationalError` where the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()


class _Within(Database):
    def __init__(self, outer: Database, session: Session) -> None:
        self.engine = outer.engine
        self._current = session

    @contextmanager
    def begin(self) -> Iterator[Session]:
        yield self._current
        self._current.flush()

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        self._current.flush()
        yield self._current


@contextmanager
def autocommitting(url: str) -> Iterator[Connection]:
    """A connection of its own, each of whose statements is a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
