from pathlib import Path

import pytest
import redis

from needledrop_local.valkey import Valkey

pytestmark = pytest.mark.servers


def test_values_outlive_a_stop_and_a_crash(server_folder: Path) -> None:
    server = Valkey(server_folder / "data", server_folder / "log")
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.lpush("queue", "first")
        server.stop()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            client.lpush("queue", "second")
            assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        server.process.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.lrange("queue", 0, -1) == [b"second", b"first"]
    finally:
        server.stop()


def test_nobody_gets_in_without_the_password(server_folder: Path) -> None:
    server = Valkey(server_folder / "data", server_folder / "log")
    server.start()
    try:
        address = "redis://" + server.url.partition("@")[2]
        with redis.Redis.from_url(address) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        assert (server_folder / "data" / "valkey.conf").stat().st_mode & 0o077 == 0
    finally:
        server.stop()
