"""Fixtures that more than one folder of tests uses."""

from collections.abc import Iterator

import pytest

from tests.embedded import Servers, embedded_servers
from tests.stack import RunningStack, running_stack


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Embedded PostgreSQL and Valkey."""
    with embedded_servers(tmp_path_factory.mktemp("servers")) as started:
        yield started


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The whole system as local processes, with the demo bundle and the demo library."""
    with running_stack(tmp_path_factory.mktemp("stack")) as started:
        yield started
