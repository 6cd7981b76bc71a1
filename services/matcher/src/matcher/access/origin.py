"""Where a request comes from: this machine or another, our own page or a foreign one."""

import ipaddress
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope as AsgiScope

from matcher.errors import ApiError

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def refuse_foreign_page(headers: Headers) -> None:
    """`ApiError(origin_forbidden)` where a browser says that the request was made by another site's page.

    `Sec-Fetch-Site` is the browser's own word, which no script can set; browsers that do not send it name the `Origin`
    of what could do harm. Programs other than browsers send neither.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        foreign = site not in {"same-origin", "none"}
    else:
        origin = headers.get("origin")
        foreign = origin is not None and _origin_host(origin) != headers.get("host", "").lower()
    if foreign:
        raise ApiError(HTTPStatus.FORBIDDEN, "origin_forbidden", "pages of other sites may not call this server")


def is_local(scope: AsgiScope, headers: Headers, gateway: str | None) -> bool:
    """True where the peer is this machine itself: by its address, and with no proxy's word of somebody behind it.

    `gateway`: the address under which a container sees the machine that it runs on.
    """
    if any(name in headers for name in _FORWARDED) or not scope.get("client"):
        return False
    peer = str(scope["client"][0])
    return is_loopback(peer) or (gateway is not None and peer == gateway)


def is_loopback(address: str) -> bool:
    """True for addresses that lead nowhere but to the machine itself; names other than `localhost` are none."""
    if address.lower() == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def require_known_host(headers: Headers, allowed: Collection[str]) -> None:
    """`ApiError(host_forbidden)` where `Host` is neither this machine's name nor one of `allowed`.

    A foreign page can make a name of its own lead here (DNS rebinding); then the browser takes us for that page's site.
    """
    host = _hostname(headers.get("host", ""))
    if host is None or not (is_loopback(host) or host in allowed):
        raise ApiError(
            HTTPStatus.FORBIDDEN, "host_forbidden", "this server is not called by that name (NEEDLEDROP_ALLOWED_HOSTS)"
        )


def _origin_host(origin: str) -> str | None:
    """Host and port of an origin, as `Host` would name it. The scheme is left out: a proxy may have ended TLS."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
