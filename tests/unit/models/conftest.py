"""Bundles of made-up files, fetched from a server on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.models.fetching import Fetching, write_metric
from tests.unit.models.made_up import public_files
from tests.unit.models.server import serving


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[Fetching]:
    with serving(dict(public_files())) as server:
        yield Fetching(server, tmp_path / "models")


@pytest.fixture
def metric(tmp_path: Path) -> Path:
    return write_metric(tmp_path / "metric")
