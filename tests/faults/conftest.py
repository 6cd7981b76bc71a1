"""What all fault tests share: each says its outcome in a line, and the lines stand together at the end of the run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.chaos import Outcome
from tests.faults.fleet import until
from tests.faults.system import System, running_system

PROPERTY = "fault"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[Outcome], None]:
    """Call it with the outcome before anything is asserted, so that a failure is counted, too."""

    def say(outcome: Outcome) -> None:
        record_property(PROPERTY, str(outcome))
        print(outcome)

    return say


@pytest.fixture(scope="session")
def broken_system(home: Path) -> Iterator[System]:
    with running_system(home / "faults") as running:
        yield running


@pytest.fixture
def system(broken_system: System) -> System:
    """The system that tests break, whole again after the test before."""
    until(broken_system.ready, 120, "the system is ready again")
    return broken_system


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        f"{value} - {report.outcome}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if lines:
        terminalreporter.section("faults: jobs, lost, repeated, seed")
        for line in sorted(lines):
            terminalreporter.line(line)
