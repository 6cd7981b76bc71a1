"""Fixtures that more than one folder of tests uses. Each imports what it starts, so that other tests begin at once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.api import Api
    from tests.embedded import Servers
    from tests.stack import RunningStack

# How long an example takes says what else the machine does, not whether the code is right.
settings.register_profile("no-deadline", settings(), deadline=None)
settings.load_profile("no-deadline")

MARKERS = {"integration": "servers", "faults": "faults", "browser": "browser", "e2e": "containers"}
"""What all tests of a folder are marked with. A unit test is `fast`, unless it needs servers or is `slow`."""


def pytest_itemcollected(item: pytest.Item) -> None:
    path = item.path.relative_to(Path(__file__).parent)
    fixtures = item.fixturenames if isinstance(item, pytest.Function) else []
    if path.parts[0] != "unit":
        item.add_marker(MARKERS[path.parts[0]])
    elif not {"servers", "stack"}.isdisjoint(fixtures):
        item.add_marker("servers")
    elif not any(item.iter_markers("servers")) and not any(item.iter_markers("slow")):
        item.add_marker("fast")
    if item.config.pluginmanager.hasplugin("xdist"):
        item.add_marker(pytest.mark.xdist_group(process_of(path)))


def process_of(path: Path) -> str:
    """The name that those tests share which run in one process: a file's, or all that need TensorFlow and VGGish."""
    return "audio_extractor" if "audio_extractor" in path.parts else path.as_posix()


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A folder for servers' data: not pytest's own, which root's PostgreSQL can't enter."""
    with tempfile.TemporaryDirectory(prefix="needledrop-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def servers(home: Path) -> "Iterator[Servers]":
    """Embedded PostgreSQL and Valkey."""
    from tests.embedded import embedded_servers  # noqa: PLC0415

    with embedded_servers(home / "servers") as started:
        yield started


@pytest.fixture(scope="session")
def stack(home: Path) -> "Iterator[RunningStack]":
    """The whole system as local processes, with the demo bundle and the demo library."""
    from tests.stack import running_stack  # noqa: PLC0415

    with running_stack(home / "stack") as started:
        yield started


@pytest.fixture
def api(servers: "Servers", tmp_path: Path) -> "Iterator[Api]":
    """The API over real servers, with an empty database and media store of its own."""
    from tests.api import fresh_api  # noqa: PLC0415

    with fresh_api(servers, tmp_path) as started:
        yield started
