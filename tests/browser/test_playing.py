"""The track is heard in sync with the clip."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.media import CLIP_S, SHORT_TRACK_S, TestMedia
from tests.browser.playing import Playing, follow, read, wait_for
from tests.browser.rows import show_all
from tests.browser.system import System

IN_SYNC_S = 0.15


def test_the_best_track_plays_in_sync_with_the_clip(clip_page: Page, system: System) -> None:
    first = best_covering(clip_page, system)
    start = start_of(first)
    first.click()
    begun = wait_in_sync(clip_page, start, lambda now: now.video < CLIP_S - 4)
    assert begun.picture_silent
    assert begun.audible
    readings = [begun, *follow(clip_page, 3)]
    assert len(readings) > 5
    assert readings[-1].video > begun.video + 1.5
    assert readings[-1].audio > begun.audio + 1.5
    assert max(abs(now.drift(start)) for now in readings) < IN_SYNC_S
    expect(first).to_have_attribute("aria-pressed", "true")


def test_a_track_of_every_format_plays(clip_page: Page, system: System) -> None:
    show_all(clip_page)
    assert system.tracks
    for track_id in system.tracks:
        start = play(clip_page, clip_page.locator(f"#ranking button[data-id='{track_id}']"))
        wait_in_sync(clip_page, start, lambda now: now.video > 0.3)


def test_the_track_follows_when_the_clip_is_sought(clip_page: Page, system: System) -> None:
    start = play(clip_page, best_covering(clip_page, system))
    clip_page.evaluate("document.getElementById('video').currentTime = 2.5")
    wait_in_sync(clip_page, start, lambda now: now.video > 2.4)
    clip_page.locator("#seek").fill("0.5")
    wait_in_sync(clip_page, start, lambda now: now.video < 2)


def test_a_track_that_has_run_away_is_brought_back(clip_page: Page, system: System) -> None:
    start = play(clip_page, best_covering(clip_page, system))
    clip_page.evaluate("document.getElementById('audio').currentTime += 1.5")
    wait_in_sync(clip_page, start)


def test_the_clip_keeps_to_a_track_that_plays_too_slowly(clip_page: Page, system: System) -> None:
    start = play(clip_page, best_covering(clip_page, system))
    clip_page.evaluate("document.getElementById('audio').playbackRate = 0.92")
    readings = follow(clip_page, 4)
    assert readings[-1].audio > readings[0].audio + 2
    assert abs(readings[-1].drift(start)) < IN_SYNC_S


def test_a_pause_stops_both_and_playing_goes_on_in_sync(clip_page: Page, system: System) -> None:
    start = play(clip_page, best_covering(clip_page, system))
    clip_page.get_by_role("button", name="Pause").click()
    wait_for(clip_page, lambda now: not now.video_runs and not now.audio_runs)
    before = read(clip_page)
    clip_page.wait_for_timeout(500)
    assert read(clip_page) == before
    clip_page.get_by_role("button", name="Play", exact=True).click()
    wait_in_sync(clip_page, start, lambda now: now.video > before.video)


def test_both_begin_again_when_the_clip_loops(clip_page: Page, system: System) -> None:
    start = play(clip_page, best_covering(clip_page, system))
    clip_page.locator("#seek").fill(str(CLIP_S - 0.7))
    wait_for(clip_page, lambda now: now.video > CLIP_S - 0.7)
    wait_in_sync(clip_page, start, lambda now: now.video < 1)


def test_a_clip_that_does_not_loop_stops_both_at_its_end(clip_page: Page, system: System) -> None:
    clip_page.get_by_role("button", name="Loop the clip").click()
    play(clip_page, best_covering(clip_page, system))
    clip_page.locator("#seek").fill(str(CLIP_S - 0.5))
    wait_for(clip_page, lambda now: not now.video_runs and not now.audio_runs and now.video > CLIP_S - 0.2)
    expect(clip_page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_the_clip_goes_on_after_the_end_of_a_shorter_track(clip_page: Page, media: TestMedia) -> None:
    assert SHORT_TRACK_S < CLIP_S
    show_all(clip_page)
    start = play(clip_page, clip_page.locator("#ranking button", has_text=SHORT_TITLE))
    alone = wait_for(clip_page, lambda now: now.video > SHORT_TRACK_S - start + 0.3 and now.video_runs)
    assert not alone.audio_runs
    expect(clip_page.locator("#now")).to_contain_text("the track has ended")
    wait_in_sync(clip_page, start, lambda now: now.video < SHORT_TRACK_S - start)


def test_the_ranking_is_walked_and_played_from_the_keyboard(clip_page: Page) -> None:
    rows = clip_page.locator("#ranking button")
    clip_page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    clip_page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    clip_page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    clip_page.keyboard.press("j")
    clip_page.keyboard.press("Enter")
    wait_for(clip_page, lambda now: now.both)
    expect(rows.nth(1)).to_have_attribute("aria-pressed", "true")
    clip_page.keyboard.press("k")
    clip_page.keyboard.press(" ")
    wait_for(clip_page, lambda now: not now.video_runs and not now.audio_runs)
    expect(rows.nth(1)).to_have_attribute("aria-pressed", "true")


SHORT_TITLE = "Browser short"


def best_covering(page: Page, system: System) -> Locator:
    """The first of the ranked tracks that lasts as long as the clip from where it starts."""
    results = system.get(f"/match/{page.url.rpartition('/')[2]}")["results"]
    covering = (row for row in results if row["start_s"] + CLIP_S < row["audio"]["duration_s"])
    return page.locator(f"#ranking button[data-id='{next(covering)['audio']['id']}']")


def play(page: Page, row: Locator) -> float:
    """Play a track; where in it the clip starts, in seconds."""
    row.click()
    wait_for(page, lambda now: now.both)
    return start_of(row)


def wait_in_sync(page: Page, start_s: float, condition: Callable[[Playing], bool] = lambda _: True) -> Playing:
    """The first reading in sync that meets `condition`: what drift a start or a seek leaves is taken up slowly."""
    return wait_for(page, lambda now: now.both and abs(now.drift(start_s)) < IN_SYNC_S and condition(now))


def start_of(row: Locator) -> float:
    value = row.get_attribute("data-start")
    assert value is not None
    return float(value)
