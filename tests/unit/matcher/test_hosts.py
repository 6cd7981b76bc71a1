"""The machine that a container runs on."""

from pathlib import Path

import pytest

from matcher.access.hosts import default_gateway, host_gateway
from matcher.settings import MatcherSettings

# As Docker makes it for a container on a bridge (172.24.0.1) and an internal network.
TABLE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth1	000019AC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth0	00000000	010018AC	0003	0	0	0	00000000	0	0	0
eth0	000018AC	00000000	0001	0	0	0	0000FFFF	0	0	0
"""


def test_the_gateway_is_that_of_the_default_route(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(TABLE)
    assert default_gateway(tmp_path / "route") == "172.24.0.1"


def test_without_a_default_route_there_is_no_gateway(tmp_path: Path) -> None:
    (tmp_path / "route").write_text("\n".join(line for line in TABLE.splitlines() if "010018AC" not in line))
    assert default_gateway(tmp_path / "route") is None
    assert default_gateway(tmp_path / "none") is None


@pytest.mark.parametrize("published_on", [None, "0.0.0.0", "192.168.1.5", "::"])
def test_a_port_that_others_can_reach_makes_the_gateway_a_stranger(published_on: str | None) -> None:
    assert host_gateway(MatcherSettings(published_on=published_on)) is None
