import re
from pathlib import Path

import psycopg
import pytest

from needledrop_local.errors import LocalError
from needledrop_local.postgres import Postgres

pytestmark = pytest.mark.servers


def connect(server: Postgres) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True)


def test_rows_outlive_a_stop_and_a_crash_and_vectors_are_known(server_folder: Path) -> None:
    server = Postgres(server_folder / "db", server_folder / "log")
    server.start()
    try:
        with connect(server) as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute("CREATE TABLE v (e halfvec(2))")
            connection.execute("INSERT INTO v VALUES ('[3,4]')")
            assert connection.execute("SELECT e <-> '[0,0]' FROM v").fetchone() == (5.0,)
        server.stop()
        server.start()
        with connect(server) as connection:
            connection.execute("INSERT INTO v VALUES ('[6,8]')")
        server.process.kill()
        server.start()
        with connect(server) as connection:
            assert connection.execute("SELECT count(*) FROM v").fetchone() == (2,)
            assert connection.execute("SHOW server_version_num").fetchone()[0].startswith("18")  # type: ignore[index, union-attr]
    finally:
        server.stop()


def test_nobody_gets_in_without_the_password(server_folder: Path) -> None:
    server = Postgres(server_folder / "db", server_folder / "log")
    server.start()
    try:
        address = re.sub(":[^:@]+@", ":wrong@", server.url.replace("+psycopg", ""))
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address)
        assert (server_folder / "db.password").stat().st_mode & 0o077 == 0
    finally:
        server.stop()


def test_a_first_start_that_was_interrupted_does_not_spoil_the_next(server_folder: Path) -> None:
    (server_folder / "db.part" / "base").mkdir(parents=True)
    (server_folder / "db.part" / "PG_VERSION").write_text("18\n")
    server = Postgres(server_folder / "db", server_folder / "log")
    server.start()
    try:
        with connect(server) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("needledrop",)
    finally:
        server.stop()


def test_a_cluster_of_another_version_is_refused(server_folder: Path) -> None:
    (server_folder / "db").mkdir()
    (server_folder / "db" / "PG_VERSION").write_text("16\n")
    with pytest.raises(LocalError, match="PostgreSQL 16"):
        Postgres(server_folder / "db", server_folder / "log").start()
