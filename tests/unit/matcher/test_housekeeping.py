import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import exc
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from matcher.context import Context
from matcher.db import Database
from matcher.housekeeping import sweep
from matcher.settings import MatcherSettings
from matcher.uploads.resumable.partials import Partials
from needledrop_storage.store import MediaStore


class Broken(Database):
    """A database whose transactions fail as they are told to."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @contextmanager
    def begin(self) -> Iterator[Session]:
        yield self._fail()

    def _fail(self) -> Session:
        raise self._error


def context(folder: Path, error: Exception) -> Context:
    settings = MatcherSettings(database_url=SecretStr("postgresql+psycopg://nowhere"), media_url=folder.as_uri())
    return Context(settings, Broken(error), MediaStore(settings.media_url))


@pytest.mark.parametrize(
    "error",
    [
        exc.TimeoutError("no connection is free"),
        exc.InterfaceError("", None, Exception("the connection is closed")),
        exc.InternalError("", None, Exception("the transaction is aborted")),
        PermissionError("not ours"),
        exc.SQLAlchemyError(),
    ],
)
def test_a_round_that_fails_is_told_and_does_not_end_the_rounds(tmp_path: Path, error: Exception) -> None:
    with capture_logs() as logs:
        sweep(context(tmp_path, error))
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("sweep failed", "warning")]


def test_a_strange_file_among_the_uploads_stays_and_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "resumable"
    folder.mkdir()
    strange, expired = folder / "notes.json", folder / f"{'0' * 32}.bin"
    for path in (strange, expired):
        path.touch()
        os.utime(path, (0, 0))
    assert Partials(tmp_path, keep_s=60).sweep() == 1
    assert list(folder.iterdir()) == [strange]
