"""Stand-ins for the project's own programs, so that what starts, watches and stops them is tested without them."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.local.programs import PROGRAM, write_program

from needledrop_local import procfile


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that comes before all others; it holds a stand-in for `matcher`."""
    folder = tmp_path / "programs"
    folder.mkdir()
    write_program(folder / "matcher", PROGRAM.format(python=sys.executable))
    monkeypatch.setattr(procfile, "PROGRAMS", folder)
    return folder


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder for servers' data. Another pytest's start closes those above `tmp_path` to root's servers."""
    with tempfile.TemporaryDirectory(prefix="needledrop-") as folder:
        yield Path(folder)
