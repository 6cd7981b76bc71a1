"""The whole system as processes of this machine."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console

from needledrop_client import Client
from needledrop_local.demo_bundle import make_demo_bundle
from needledrop_local.errors import LocalError
from needledrop_local.home import Home
from needledrop_local.interrupts import ignored, interruptible
from needledrop_local.ports import HOST, free_port, require_free
from needledrop_local.postgres import Postgres
from needledrop_local.process import Process, run_to_end, stop_all
from needledrop_local.procfile import read_procfile, resolve, search_path
from needledrop_local.supervision import Restarts
from needledrop_local.valkey import Valkey

PROCFILE = Path(__file__).resolve().parents[3] / "Procfile"
SERVERS = ("redis", "db")
READY_WITHIN_S = 120.0
MIGRATED_WITHIN_S = 300.0
STOP_S = 5
"""What a worker has to finish its job in; less than a process gets before it is killed."""


class _Part(Protocol):
    """What the stack can start and stop: a server, or a process of the Procfile."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Stack:
    """Servers and processes, started on entry, all stopped on exit, whatever ends the block.

    Their names are `redis`, `db` and those of the Procfile. `port` None takes a free one; `env` is added to the
    processes' environment, which `environment` shows once they run. Entry raises `LocalError` where the home is in
    use, the port is taken, or a part fails.
    """

    def __init__(
        self,
        home: Path,
        port: int | None = 8000,
        *,
        bundle: Path | None = None,
        procfile: Path = PROCFILE,
        env: Mapping[str, str] | None = None,
        console: Console | None = None,
    ) -> None:
        self.home = Home(home.resolve())
        self.bundle = bundle.resolve() if bundle else self.home.demo_bundle
        self.port = free_port() if port is None else port
        self._fixed_port = port is not None
        self._procfile = procfile
        self._extra_env = dict(env or {})
        self._console = console or Console(stderr=True)
        self._parts: dict[str, _Part] = {}
        self._processes: dict[str, Process] = {}
        self._expected: set[str] = set()
        self._restarts = Restarts()
        self._exit = ExitStack()
        self.environment: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        """The address of the API and the page."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(interruptible())
            stack.enter_context(self.home.lock())
            stack.callback(self._stop)
            self._start()
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exit.__exit__(kind, error, traceback)

    def start(self, name: str) -> None:
        """Start a part that is not running. A server answers when this returns; a process may still be on its way."""
        self._part(name).start()
        self._expected.add(name)
        self._record()

    def stop(self, name: str) -> None:
        """Stop a part as an operator would; what runs is cleaned up."""
        self._expected.discard(name)
        self._part(name).stop()
        self._record()

    def kill(self, name: str) -> None:
        """End a part at once, as a crash would."""
        self._part(name)
        self._expected.discard(name)
        self._processes[name].kill()
        self._record()

    def restart(self, name: str) -> None:
        """Stop a part and start it again."""
        self.stop(name)
        self.start(name)

    def pids(self) -> dict[str, int]:
        """The process id of each part that runs."""
        return {name: process.pid for name, process in self._processes.items() if process.running}

    def check(self) -> None:
        """`ProcessDiedError` where a part ended that nobody stopped."""
        for name in sorted(self._expected):
            self._processes[name].check()

    def tend(self) -> None:
        """Start parts again that ended by themselves, as a worker does that has stopped consuming.

        `ProcessDiedError` where one keeps on ending.
        """
        for name in sorted(self._expected):
            process = self._processes[name]
            if process.running:
                continue
            if not self._restarts.allow(name):
                process.check()
            self._console.print(f"{name} has ended; starting it again")
            self._parts[name].start()
            self._record()

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return once the API says that it can work; `LocalError` where it does not in time, or a part ends."""
        deadline = time.monotonic() + within_s
        with Client(self.url, timeout_s=10) as client:
            while not client.ready():
                self.check()
                if time.monotonic() > deadline:
                    raise LocalError(f"the API is not ready after {within_s:g} s\n{self._processes['api'].tail()}")
                time.sleep(0.1)

    def _start(self) -> None:
        if self._fixed_port:
            require_free(self.port)
        commands = read_procfile(self._procfile)
        logs = self.home.fresh_logs()
        with self._console.status("starting the servers"):
            redis = Valkey(self.home.root / "redis", logs / "redis.log")
            self._add("redis", redis, redis.process)
            database = Postgres(self.home.root / "db", logs / "db.log", self._console.print)
            self._add("db", database, database.process)
        self.environment = self._make_environment(redis.url, database.url)
        make_demo_bundle(self.bundle, logs, self.environment, self._console)
        with self._console.status("starting the processes"):
            migrate = Process("migrate", resolve(["matcher", "migrate"]), logs / "migrate.log", self.environment)
            run_to_end([migrate], MIGRATED_WITHIN_S)
            for name, command in commands.items():
                process = Process(name, command, logs / f"{name}.log", self.environment)
                self._add(name, process, process)
            self.wait_ready()

    def _stop(self) -> None:
        with ignored():
            self._expected.clear()
            servers = [self._processes[name] for name in SERVERS if name in self._processes]
            stop_all([process for process in self._processes.values() if process not in servers])
            stop_all(servers)

    def _make_environment(self, redis_url: str, database_url: str) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": search_path(),
            "PYTHONUNBUFFERED": "1",
            "NEEDLEDROP_DATABASE_URL": database_url,
            "NEEDLEDROP_REDIS_URL": redis_url,
            "NEEDLEDROP_MEDIA_URL": self.home.media_url,
            "NEEDLEDROP_BUNDLE": str(self.bundle),
            "NEEDLEDROP_HOST": HOST,
            "NEEDLEDROP_PORT": str(self.port),
            "NEEDLEDROP_RUN_DIR": str(self.home.run),
            "NEEDLEDROP_TRAINING_DIR": str(self.home.training),
            "NEEDLEDROP_STOP_S": str(STOP_S),
            **self._extra_env,
        }

    def _add(self, name: str, part: _Part, process: Process) -> None:
        self._parts[name] = part
        self._processes[name] = process
        self.start(name)

    def _part(self, name: str) -> _Part:
        try:
            return self._parts[name]
        except KeyError as error:
            raise LocalError(f"there is no process “{name}”; there are {', '.join(self._parts)}") from error

    def _record(self) -> None:
        self.home.record(process for process in self._processes.values() if process.running)
