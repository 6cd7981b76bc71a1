"""The compose project that the tests of this folder run, apart from any that runs already, and the curl scripts."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from needledrop_local.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
PROJECT = "needledrop-e2e"
BUILD_S = 3000
UP_S = 900
SCRIPT_S = 300
COMPOSE = ["docker", "compose", "--env-file", "/dev/null"]
"""Without the `.env` that may lie beside the file: it is the user's, and would change the project."""


def docker_works() -> bool:
    """True where a Docker daemon answers and both Compose v2 and BuildKit are there."""
    commands = (["docker", "info"], ["docker", "compose", "version"], ["docker", "buildx", "version"])
    return shutil.which("docker") is not None and all(
        subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands
    )


def compose_config(*files: str, **environment: str) -> str:
    """The project as Compose reads it from the files, as JSON; fails where they are not valid."""
    options = [word for name in files for word in ("--file", name)]
    return subprocess.run(
        [*COMPOSE, *options, "config", "--format", "json"],
        cwd=ROOT,
        env={**_clean_environment(), **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@dataclass(frozen=True)
class Containers:
    """The running project; `settings` are what the `.env` of a user would hold."""

    port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *words: str, timeout: float = UP_S) -> str:
        """Run `docker compose` on the project and return what it prints; its errors are part of the failure."""
        return self.pipe(*words, timeout=timeout).decode()

    def pipe(self, *words: str, stdin: bytes = b"", timeout: float = UP_S) -> bytes:
        """The same with bytes, in and out."""
        settings = {"NEEDLEDROP_PORT": str(self.port), "NEEDLEDROP_LEASE_S": "20", **self.settings}
        done = subprocess.run(
            [*COMPOSE, "--project-name", PROJECT, *words],
            cwd=ROOT,
            env={**_clean_environment(), **settings},
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        said = done.stderr.decode(errors="replace")
        assert done.returncode == 0, f"docker compose {' '.join(words)}:\n{done.stdout[-4000:]!r}\n{said}"
        return done.stdout

    def container(self, service: str) -> str:
        """The id of the service's first container."""
        return self.compose("ps", "--quiet", service).split()[0]

    def report(self) -> str:
        """The state of every container and the last lines of each log."""
        return self.compose("ps", "--all") + self.compose("logs", "--no-color", "--tail=150")

    def execute(self, service: str, *command: str) -> str:
        """Run a command in the service's container and return what it prints."""
        return self.compose("exec", "--no-TTY", service, *command).strip()


def inspected(kind: str, name: str) -> dict[str, Any]:
    """What Docker says of a container or a network."""
    command = ["docker", kind, "inspect", name]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found[0]


@contextmanager
def compose_project() -> Iterator[Containers]:
    """The images built and the project ready to be started from nothing; removed with its volumes at the end."""
    containers = Containers(free_port())
    containers.compose("down", "--volumes", "--remove-orphans")
    containers.compose("build", timeout=BUILD_S)
    # A build takes minutes, in which another program may have taken the port.
    containers = replace(containers, port=free_port())
    try:
        yield containers
    finally:
        containers.compose("down", "--volumes", "--remove-orphans")
        assert _left_over() == [], "docker compose down --volumes left something behind"


def run_script(
    name: str, *words: str | Path, url: str, path: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the curl scripts against the system at `url`; `path` replaces PATH, `settings` are set besides."""
    environment = {**os.environ, "NEEDLEDROP_URL": url, **settings}
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [SCRIPTS / name, *words], env=environment, capture_output=True, text=True, timeout=SCRIPT_S, check=False
    )


def _clean_environment() -> dict[str, str]:
    """This process's environment without settings that would change the project."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("NEEDLEDROP_", "COMPOSE_", "AWS_"))
    }


def _left_over() -> list[str]:
    """Containers, volumes and networks that still carry the project's label."""
    mark = f"label=com.docker.compose.project={PROJECT}"
    left: list[str] = []
    for kind in (["ps", "--all", "--quiet"], ["volume", "ls", "--quiet"], ["network", "ls", "--quiet"]):
        command = ["docker", *kind, "--filter", mark]
        left += subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return left
