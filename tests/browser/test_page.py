"""A clip goes in, ranked tracks come out; the library and the clips are kept from the page."""

import base64
from pathlib import Path

from playwright.sync_api import JSHandle, Page, expect

from needledrop.errors import ErrorCode
from tests.browser.media import TestMedia
from tests.browser.rows import shown_titles
from tests.browser.system import System

PATIENCE_MS = 180_000
STAGES = ["queued", "started", "extracting", "embedding", "ready"]
WATCH_STAGES = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const stage = document.querySelector("#stages [aria-current]")?.dataset.stage;
    if (stage && window.seen.at(-1) !== stage) window.seen.push(stage);
  }).observe(document.getElementById("stages"), { childList: true });
}"""
CARRY = """({ name, type, data }) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  return transfer;
}"""


def test_a_dropped_clip_is_followed_to_its_ranking(page: Page, system: System, media: TestMedia) -> None:
    page.goto(system.url)
    page.evaluate(WATCH_STAGES)
    drop(page, "#home", carry(page, media.spare_clip, "video/mp4"))
    page.locator("#ranking button").first.wait_for(timeout=PATIENCE_MS)
    seen = page.evaluate("window.seen")
    assert seen
    assert seen == sorted(seen, key=STAGES.index)
    assert shown_titles(page) == system.ready_titles()
    clip_id = page.url.rpartition("/")[2]
    expected = system.get(f"/match/{clip_id}", limit=500)
    assert [row.get_attribute("data-id") for row in page.locator("#ranking button").all()] == [
        result["audio"]["id"] for result in expected["results"]
    ]
    assert [name.inner_text() for name in page.locator("#ranking .rank").all()] == [
        str(number + 1) for number in range(expected["total"])
    ]
    system.delete(f"/videos/{clip_id}")


def test_a_chosen_clip_is_ranked_and_the_address_remembers_it(page: Page, system: System, media: TestMedia) -> None:
    page.goto(system.url)
    page.set_input_files("#clip-file", media.clip)
    page.locator("#ranking button").first.wait_for(timeout=PATIENCE_MS)
    address = page.url
    page.reload()
    page.locator("#ranking button").first.wait_for()
    assert shown_titles(page) == system.ready_titles()
    page.goto(f"{system.url}/#/")
    expect(page.locator("#home")).to_be_visible()
    page.locator("#clips a", has_text=media.clip.stem).first.click()
    page.locator("#ranking button").first.wait_for()
    assert page.url == address
    delete(page, f"#clips li[data-id='{address.rpartition('/')[2]}']")
    expect(page.locator("#home")).to_be_visible()
    assert system.status_of(f"/videos/{address.rpartition('/')[2]}") == 404


def test_a_file_that_is_no_medium_is_named_with_its_code(page: Page, system: System, text_file: Path) -> None:
    page.goto(system.url)
    page.set_input_files("#clip-file", text_file)
    code = page.locator("#match-error code, #clip-upload.bad code")
    expect(code).to_have_text(ErrorCode.MEDIA_UNREADABLE, timeout=PATIENCE_MS)
    if "/match/" in page.url:
        system.delete(f"/videos/{page.url.rpartition('/')[2]}")


def test_an_empty_file_is_named_with_its_code(page: Page, system: System, tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    page.goto(system.url)
    page.set_input_files("#track-files", empty)
    expect(page.locator("#tracks li[data-status=failed] code").first).to_have_text(
        ErrorCode.MEDIA_EMPTY, timeout=PATIENCE_MS
    )


def test_tracks_are_added_together_and_the_old_ranking_says_so(
    clip_page: Page, system: System, media: TestMedia, text_file: Path
) -> None:
    before = system.get("/about")["tracks"]["ready"]
    clip_page.set_input_files("#track-files", [media.spare, text_file])
    row = clip_page.locator("#tracks li[data-status=ready]", has_text="Browser spare")
    row.wait_for(timeout=PATIENCE_MS)
    failed = clip_page.locator("#tracks li[data-status=failed]", has_text=text_file.name[:5])
    expect(failed.locator("code")).to_have_text(ErrorCode.MEDIA_UNREADABLE, timeout=PATIENCE_MS)
    expect(clip_page.locator("#library-about")).to_contain_text(f"{before + 1} tracks ready")
    clip_page.get_by_role("button", name="Rank again").click()
    expect(clip_page.locator("#stale")).to_be_hidden()
    assert "Browser spare" in system.ready_titles()
    assert shown_titles(clip_page) == system.ready_titles()
    track_id = row.get_attribute("data-id")
    for failure in failed.all():
        system.delete(f"/audio/{failure.get_attribute('data-id')}")
    system.delete(f"/audio/{track_id}")


def test_a_track_is_deleted_only_after_a_yes(page: Page, system: System, media: TestMedia) -> None:
    track_id = system.add("/audio", media.spare)
    system.wait_ready(f"/audio/{track_id}")
    page.goto(system.url)
    row = f"#tracks li[data-id='{track_id}']"
    page.locator(row).get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.locator(row)).to_be_visible()
    assert system.status_of(f"/audio/{track_id}") == 200
    delete(page, row)
    expect(page.locator(row)).to_have_count(0)
    assert system.status_of(f"/audio/{track_id}") == 404


def test_the_page_says_when_backbones_are_untrained(clip_page: Page, system: System) -> None:
    untrained = system.get("/about")["model"]["untrained_backbones"]
    expect(clip_page.locator("#untrained")).to_be_visible(visible=untrained)
    expect(clip_page.locator("#ranked .badge")).to_have_count(int(untrained))


def carry(page: Page, file: Path, media_type: str) -> JSHandle:
    """A DataTransfer that holds `file`, as a drag from the desktop would."""
    data = base64.b64encode(file.read_bytes()).decode()
    return page.evaluate_handle(CARRY, {"name": file.name, "type": media_type, "data": data})


def drop(page: Page, selector: str, transfer: JSHandle) -> None:
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(selector, event, {"dataTransfer": transfer})


def delete(page: Page, row: str) -> None:
    page.locator(row).get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
