"""Real servers for tests: one embedded PostgreSQL and one Valkey a session, a fresh database a test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command

from matcher.migrating import alembic_config
from needledrop_local.postgres import Postgres
from needledrop_local.valkey import Valkey

_numbers = itertools.count()
TEMPLATE = "migrated"


@dataclass(frozen=True)
class Servers:
    postgres: Postgres
    valkey: Valkey

    def address(self, database: str) -> str:
        """The SQLAlchemy address of one of the server's databases."""
        return f"{self.postgres.url.rsplit('/', 1)[0]}/{database}"

    def fresh_database(self) -> str:
        """The address of a new database with the current schema."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.address(name)

    def execute(self, statement: str) -> None:
        url = self.postgres.url.replace("postgresql+psycopg", "postgresql", 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """Started, with the schema in the database `migrated`; stopped at the end."""
    postgres = Postgres(folder / "db", folder / "db.log")
    valkey = Valkey(folder / "redis", folder / "redis.log")
    postgres.start()
    try:
        valkey.start()
        servers = Servers(postgres, valkey)
        servers.execute(f"CREATE DATABASE {TEMPLATE}")
        command.upgrade(alembic_config(servers.address(TEMPLATE)), "head")
        yield servers
    finally:
        valkey.stop()
        postgres.stop()
