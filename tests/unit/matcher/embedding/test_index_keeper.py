from threading import Event

import pytest
from sqlalchemy import exc
from structlog.testing import capture_logs

from matcher.embedding.index_keeper import IndexKeeper


@pytest.mark.parametrize(
    "error",
    [
        exc.OperationalError("", None, Exception("away")),
        exc.ProgrammingError("", None, Exception("it is there already")),
        exc.InternalError("", None, Exception("the transaction is aborted")),
        exc.SQLAlchemyError(),
    ],
)
def test_a_round_that_fails_is_told_and_does_not_end_the_rounds(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    rounds, stop = [], Event()

    def run_once(_: IndexKeeper) -> int:
        rounds.append(error)
        if len(rounds) == 1:
            raise error
        stop.set()
        return 0

    monkeypatch.setattr(IndexKeeper, "run_once", run_once)
    monkeypatch.setattr("matcher.embedding.index_keeper.EVERY_S", 0.0)
    with capture_logs() as logs:
        IndexKeeper("", 1, 1, 0).start(stop)
        assert stop.wait(10)
    assert [entry["log_level"] for entry in logs] == ["warning"]
