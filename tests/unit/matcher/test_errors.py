"""Every error that the API answers with is in docs/api.md, with its status."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import matcher
from needledrop.errors import ErrorCode

ROOT = Path(__file__).parents[3]
SOURCE = Path(matcher.__file__).parent
FRAMEWORKS = {("method_not_allowed", "405"), ("not_found", "404")}


def documented() -> set[tuple[str, str]]:
    """Code and status of each row of the table of errors; several statuses of a row are its codes' in turn."""
    _, _, table = (ROOT / "docs" / "api.md").read_text().partition("\n## Errors\n")
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    found = set()
    for row in rows:
        codes, statuses = re.findall(r"`(\w+)`", row[0]), row[1].split(" · ")
        found |= set(zip(codes, statuses if len(statuses) > 1 else statuses * len(codes), strict=True))
    return found


def answered() -> Iterator[tuple[str, str]]:
    """Code and status wherever one follows the other in a call."""
    for path in SOURCE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call):
                continue
            for status, code in zip(call.args, call.args[1:], strict=False):
                if not (isinstance(status, ast.Attribute) and ast.unparse(status.value) == "HTTPStatus"):
                    continue
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield code.value, str(HTTPStatus[status.attr].value)


def test_every_code_and_status_of_an_answer_is_in_the_table() -> None:
    found = set(answered())
    assert len(found) > 40
    assert (found | FRAMEWORKS) - documented() == set()


def test_every_code_that_a_job_or_a_command_ends_with_is_in_the_table() -> None:
    assert set(ErrorCode) - {code for code, _ in documented()} == set()
