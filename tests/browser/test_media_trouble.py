"""What the page says of a clip or track that does not load, and how it goes on."""

import io
import wave

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.media import TestMedia
from tests.browser.playing import wait_for
from tests.browser.routed import CLIP_ID, NO_ANSWER, Answer, RoutedSite, file, problem, ranking

TRACK = "GET /audio/track-1/file"
CLIP = f"GET /videos/{CLIP_ID}/file"
NO_MEDIUM = file(b"no medium" * 100, "audio/flac")
COUNT_PAUSES = """() => {
  window.pauses = 0;
  document.getElementById("video").addEventListener("pause", () => (window.pauses += 1));
}"""


@pytest.fixture
def site(page: Page, media: TestMedia) -> RoutedSite:
    """A ranking of two tracks, with a clip and tracks that play."""
    site = RoutedSite(page)
    site.answer(f"GET /match/{CLIP_ID}", ranking(1, 2, 2))
    site.routes[CLIP] = file(media.clip.read_bytes(), "video/mp4")
    for number in (1, 2):
        site.routes[f"GET /audio/track-{number}/file"] = file(silence(20), "audio/wav")
    return site


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (problem(404, "not_found", "there is no such track"), "The track is not there any more."),
        (problem(503, "busy", "too much to do"), "The track could not be loaded. Too much to do."),
        (NO_ANSWER, "The track could not be loaded. The server can't be reached."),
    ],
)
def test_a_track_that_does_not_load_says_why(site: RoutedSite, page: Page, answer: Answer, words: str) -> None:
    site.answer(TRACK, answer)
    site.open_clip()
    row(page, 1).click()
    expect(page.locator("#player-note")).to_contain_text(words)


def test_a_track_of_no_known_format_says_so(site: RoutedSite, page: Page) -> None:
    site.routes[TRACK] = NO_MEDIUM
    site.open_clip()
    row(page, 1).click()
    expect(page.locator("#player-note")).to_have_text("This browser can't play the track's format.")


def test_play_asks_again_for_a_track_that_did_not_load(site: RoutedSite, page: Page) -> None:
    site.answer(TRACK, NO_ANSWER)
    site.open_clip()
    row(page, 1).click()
    expect(page.locator("#player-note")).to_be_visible()
    site.routes[TRACK] = file(silence(20), "audio/wav")
    play(page)
    wait_for(page, lambda now: now.both)
    expect(page.locator("#player-note")).to_be_hidden()


def test_the_picture_does_not_stutter_beside_a_track_that_does_not_load(site: RoutedSite, page: Page) -> None:
    site.routes[TRACK] = NO_MEDIUM
    site.open_clip()
    row(page, 1).click()
    expect(page.locator("#player-note")).to_be_visible()
    page.evaluate(COUNT_PAUSES)
    play(page)
    page.wait_for_timeout(1500)
    assert page.evaluate("window.pauses") <= 1
    expect(page.locator("#player-note")).to_be_visible()


def test_the_note_goes_when_another_track_plays(site: RoutedSite, page: Page) -> None:
    site.routes[TRACK] = NO_MEDIUM
    site.open_clip()
    row(page, 1).click()
    expect(page.locator("#player-note")).to_be_visible()
    row(page, 2).click()
    wait_for(page, lambda now: now.both)
    expect(page.locator("#player-note")).to_be_hidden()


def test_a_clip_that_does_not_load_says_why_and_is_asked_for_again(
    site: RoutedSite, page: Page, media: TestMedia
) -> None:
    site.answer(CLIP, NO_ANSWER)
    site.open_clip()
    note = page.locator("#player-note")
    expect(note).to_contain_text("The clip could not be loaded. The server can't be reached.")
    row(page, 1).click()
    wait_for(page, lambda now: now.audio_runs)
    expect(note).to_contain_text("The tracks play without the picture.")
    site.routes[CLIP] = file(media.clip.read_bytes(), "video/mp4")
    page.get_by_role("button", name="Pause", exact=True).click()
    play(page)
    wait_for(page, lambda now: now.both)
    expect(note).to_be_hidden()


def test_a_clip_of_no_known_format_leaves_the_tracks(site: RoutedSite, page: Page) -> None:
    site.routes[CLIP] = NO_MEDIUM
    site.open_clip()
    row(page, 1).click()
    wait_for(page, lambda now: now.audio > 8)
    page.get_by_role("button", name="Pause", exact=True).click()
    play(page)
    wait_for(page, lambda now: now.audio_runs and now.audio > 8)
    expect(page.locator("#player-note")).to_contain_text("This browser can't show the clip's format.")


def row(page: Page, rank: int) -> Locator:
    return page.locator(f"#ranking button[data-id=track-{rank}]")


def play(page: Page) -> None:
    page.get_by_role("button", name="Play", exact=True).click()


def silence(seconds: int) -> bytes:
    """A WAV file."""
    with io.BytesIO() as content:
        with wave.open(content, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(2 * 8000 * seconds))
        return content.getvalue()
