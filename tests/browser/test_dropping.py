"""What becomes of files and folders given to the page: a real drop, and files that can't be read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.routed import Answer, RoutedSite, track
from tests.embedded import Servers
from tests.serving import served
from tests.site import site_of


@pytest.fixture
def site(page: Page) -> RoutedSite:
    site = RoutedSite(page)
    site.answer("POST /audio", *(Answer(track(number), 202) for number in range(10)))
    site.answer("POST /videos", Answer({"id": "clip-1"}, 202))
    return site


@pytest.fixture
def url(servers: Servers, tmp_path: Path) -> Iterator[str]:
    with site_of(servers, tmp_path) as site, served(site.app) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tracks at different depths, a clip, and a picture."""
    folder = tmp_path / "album"
    (folder / "disc 1" / "more").mkdir(parents=True)
    for name in ("one.flac", "disc 1/more/two.mp3", "disc 1/clip.mp4", "cover.jpg"):
        (folder / name).write_bytes(b"x")
    return folder


def test_the_tracks_in_a_dropped_folder_are_sent(site: RoutedSite, page: Page, folder: Path) -> None:
    site.open()
    drop(page, "#library", folder)
    expect(page.locator("#tracks li[data-status=ready]")).to_have_count(2)
    assert len(site.requests_of("/audio", "POST")) == 2


def test_the_clip_in_a_dropped_folder_is_sent(site: RoutedSite, page: Page, folder: Path) -> None:
    site.open()
    drop(page, "#home", folder)
    expect(page.locator("#match")).to_be_visible()
    assert len(site.requests_of("/videos", "POST")) == 1


def test_a_folder_of_tracks_dropped_anywhere_goes_to_the_library(site: RoutedSite, page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "one.flac").write_bytes(b"x")
    (folder / "cover.jpg").write_bytes(b"x")
    site.open()
    drop(page, "header", folder)
    expect(page.locator("#tracks li[data-status=ready]")).to_have_count(1)


def test_a_dropped_folder_without_tracks_is_said(site: RoutedSite, page: Page, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    site.open()
    drop(page, "#library", tmp_path / "empty")
    expect(page.locator("#errors")).to_contain_text("No audio file was found in the folder.")
    assert site.requests_of("/audio", "POST") == []


def test_a_file_dropped_beside_a_folder_is_sent_whatever_its_type(
    site: RoutedSite, page: Page, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "take.unknown"
    other.write_bytes(b"x")
    site.open()
    drop(page, "#library", folder, other)
    expect(page.locator("#tracks li[data-status=ready]")).to_have_count(3)


def test_a_file_that_is_gone_before_it_is_sent_says_so(page: Page, url: str, tmp_path: Path) -> None:
    file = tmp_path / "gone.flac"
    file.write_bytes(bytes(1000))
    page.goto(url)
    expect(page.locator("#library-about")).to_have_text("0 tracks ready")
    page.evaluate(HOLD)
    page.set_input_files("#track-files", file)
    file.unlink()
    page.evaluate("window.letGo()")
    expect(page.locator("#tracks li[data-status=failed] code")).to_have_text("file_unreadable", timeout=5000)


HOLD = """() => {
  const { send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (form) { window.letGo = () => send.call(this, form); };
}"""


def drop(page: Page, selector: str, *paths: Path) -> None:
    """What the browser does at a drag from the desktop."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
