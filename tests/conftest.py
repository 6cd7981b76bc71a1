"""Fixtures that more than one folder of tests uses."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.api import Api, fresh_api
from tests.embedded import Servers, embedded_servers
from tests.stack import RunningStack, running_stack

# How long an example takes says what else the machine does, not whether the code is right.
settings.register_profile("no-deadline", settings(), deadline=None)
settings.load_profile("no-deadline")

MARKERS = {"integration": "servers", "faults": "faults", "browser": "browser", "e2e": "containers"}
"""What all tests of a folder are marked with. A unit test is `fast`, unless it needs servers or is `slow`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else []
        if folder != "unit":
            item.add_marker(MARKERS[folder])
        elif not {"servers", "stack"}.isdisjoint(fixtures):
            item.add_marker("servers")
        elif not any(item.iter_markers("servers")) and not any(item.iter_markers("slow")):
            item.add_marker("fast")


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A folder for servers' data: not pytest's own, which root's PostgreSQL can't enter."""
    with tempfile.TemporaryDirectory(prefix="needledrop-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def servers(home: Path) -> Iterator[Servers]:
    """Embedded PostgreSQL and Valkey."""
    with embedded_servers(home / "servers") as started:
        yield started


@pytest.fixture(scope="session")
def stack(home: Path) -> Iterator[RunningStack]:
    """The whole system as local processes, with the demo bundle and the demo library."""
    with running_stack(home / "stack") as started:
        yield started


@pytest.fixture
def api(servers: Servers, tmp_path: Path) -> Iterator[Api]:
    """The API over real servers, with an empty database and media store of its own."""
    with fresh_api(servers, tmp_path) as started:
        yield started
