"""The machine that a container runs on, as the container sees it."""

import socket
import struct
from pathlib import Path

from matcher.access.origin import is_loopback
from matcher.settings import MatcherSettings

ROUTES = Path("/proc/net/route")
_UP_GATEWAY = 0x3


def host_gateway(settings: MatcherSettings) -> str | None:
    """The address that requests to the published port come from, where it is published on a loopback address alone."""
    if settings.published_on is None or not is_loopback(settings.published_on):
        return None
    return default_gateway(ROUTES)


def default_gateway(routes: Path) -> str | None:
    """The gateway of the default route in Linux's routing table, None where there is none."""
    if not routes.is_file():
        return None
    for line in routes.read_text().splitlines()[1:]:
        _, destination, gateway, flags, *_ = line.split()
        if int(destination, 16) == 0 and int(flags, 16) & _UP_GATEWAY == _UP_GATEWAY:
            return socket.inet_ntoa(struct.pack("<L", int(gateway, 16)))
    return None
