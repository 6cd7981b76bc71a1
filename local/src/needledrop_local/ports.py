"""Ports of the loopback address."""

import os
import random
import socket

from needledrop_local.errors import LocalError

HOST = "127.0.0.1"
PRIVILEGED = 1024
# Below the range that systems give to outgoing connections, so that a port stays free while its server restarts.
FREE_PORTS = range(15_000, 30_000)


def is_free(port: int) -> bool:
    """True where a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nothing listens on now."""
    for port in random.sample(FREE_PORTS, 200):
        if is_free(port):
            return port
    raise LocalError(f"no free port on {HOST} between {FREE_PORTS.start} and {FREE_PORTS.stop}")


def require_free(port: int) -> None:
    """`LocalError` where something listens on the port already, or this user may not."""
    if not is_free(port):
        if port < PRIVILEGED and os.geteuid():
            raise LocalError(f"port {port} is the administrator's alone; choose one from {PRIVILEGED} on")
        raise LocalError(f"port {port} on {HOST} is taken by another program; choose one: make up PORT={port + 1}")
