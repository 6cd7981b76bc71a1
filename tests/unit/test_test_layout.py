"""Tests of one kind don't lean on another kind's folder, and nobody imports from a conftest."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def imported(tree: ast.Module) -> Iterator[str]:
    """The dotted name of everything that a file imports, relative imports left out: ruff forbids them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(path: Path, text: str, kinds: set[str]) -> list[str]:
    """What the file at `path`, relative to `tests`, may not import. `kinds`: the folders of tests."""
    own = path.parts[0]
    found = []
    for name in imported(ast.parse(text)):
        parts = name.split(".")
        if parts[0] == "tests" and ("conftest" in parts or (kinds - {own}).intersection(parts[1:2])):
            found.append(name)
    return found


def test_a_test_file_imports_no_conftest_and_nothing_of_another_kind() -> None:
    kinds = {folder.parent.name for folder in TESTS.glob("*/__init__.py")}
    assert kinds == {"unit", "integration", "faults", "browser", "e2e"}
    files = {path.relative_to(TESTS): path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py")}
    found = {str(path): forbidden(path, text, kinds) for path, text in files.items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_rule_sees_every_form_of_import() -> None:
    text = """
import tests.unit.media.films
from tests import faults, shared
from tests.conftest import home
def inside():
    from tests.integration import conftest
    from tests.integration.training import ask
"""
    wrong = {"tests.unit.media.films", "tests.faults", "tests.conftest.home", "tests.integration.conftest"}
    assert set(forbidden(Path("integration/test_made_up.py"), text, {"unit", "faults", "integration"})) == wrong
