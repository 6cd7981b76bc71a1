import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from needledrop.log import configure_logging, get_logger
from needledrop.settings import CoreSettings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def break_with(secret: str) -> None:
    held = secret
    raise ValueError(f"a text of {len(held)} characters")


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_errors_record_tells_where_and_why_and_no_variable(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(CoreSettings.model_validate({"log_format": form}), "tests")
    try:
        break_with("hunter2".upper())
    except ValueError as error:
        get_logger("tests").error("broke", exc_info=error)
    said = capsys.readouterr().err
    assert "a text of 7 characters" in said
    assert "break_with" in said
    assert "HUNTER2" not in said
    if form == "json":
        assert json.loads(said)["service"] == "tests"
