"""The running containers, and what to see of them when a test fails."""

from collections.abc import Iterator

import pytest
from _pytest.capture import CaptureManager

from tests.e2e.containers import Containers, compose_project, docker_works
from tests.shared import missing


@pytest.fixture(scope="session")
def docker() -> None:
    if not docker_works():
        missing("a Docker daemon with Compose v2 and BuildKit")


@pytest.fixture(scope="session")
def containers(docker: None, request: pytest.FixtureRequest) -> Iterator[Containers]:
    """The whole system in containers, as `docker compose up` makes it from nothing."""
    failed_before = request.session.testsfailed
    started = False
    with compose_project() as project:
        try:
            project.compose("up", "--detach", "--wait")
            started = True
            yield project
        finally:
            if not started or request.session.testsfailed > failed_before:
                _show(request.config, project.report())


def _show(config: pytest.Config, text: str) -> None:
    capture = config.pluginmanager.getplugin("capturemanager")
    assert isinstance(capture, CaptureManager)
    with capture.global_and_fixture_disabled():
        print(text)
