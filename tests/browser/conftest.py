"""A browser, a page that fails its test at any script error, and a running system with a small library."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.browser.media import TestMedia, write_media
from tests.browser.system import System
from tests.shared import missing
from tests.stack import RunningStack

URL_VARIABLE = "NEEDLEDROP_TEST_URL"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        missing("chromium")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=executable, args=FLAGS) as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page; errors of its scripts, and anything that the content security policy stops, fail the test."""
    faults: list[str] = []
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if "Security Policy" in line.text else None)
        yield page
    assert faults == []


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> TestMedia:
    return write_media(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def system(request: pytest.FixtureRequest, media: TestMedia) -> Iterator[System]:
    """The running system (or the one at NEEDLEDROP_TEST_URL) with the test's tracks in its library, ready."""
    url = os.environ.get(URL_VARIABLE)
    if url is None:
        stack: RunningStack = request.getfixturevalue("stack")
        url = stack.url
    with System(url) as system:
        system.tracks = [system.add("/audio", track) for track in media.tracks]
        for track_id in system.tracks:
            system.wait_ready(f"/audio/{track_id}")
        yield system
        for track_id in system.tracks:
            system.delete(f"/audio/{track_id}")


@pytest.fixture
def clip_page(page: Page, system: System, media: TestMedia) -> Iterator[Page]:
    """The page of a clip that is ranked, with its ranking in view; the clip is gone again afterwards."""
    clip_id = system.add("/videos", media.clip)
    system.wait_ready(f"/videos/{clip_id}")
    page.goto(f"{system.url}/#/match/{clip_id}")
    page.locator("#ranking button").first.wait_for()
    yield page
    system.delete(f"/videos/{clip_id}")


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.mp4"
    path.write_text("These are words, and no medium.\n" * 200)
    return path
