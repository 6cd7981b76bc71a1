"""What the page makes of the answers it gets: stages, pages, errors, and none at all."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.routed import CLIP_ID, NO_ANSWER, Answer, RoutedSite, problem, ranking, track, working

MATCH = f"/match/{CLIP_ID}"
MARKUP = "<img src=x onerror=alert(1)><b>bold</b>"


@pytest.fixture
def site(page: Page) -> RoutedSite:
    return RoutedSite(page)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(1000))
    return path


def test_each_stage_is_shown_and_extraction_with_its_share(site: RoutedSite, page: Page) -> None:
    current = page.locator("#stages [aria-current=step]")
    for stage, progress, words in (
        ("queued", None, "Queued"),
        ("started", None, "Started"),
        ("extracting", 0.429, "Extracting 42 %"),
        ("embedding", None, "Embedding"),
    ):
        site.answer(f"GET {MATCH}", working(stage, progress))
        site.open_clip()
        page.reload()
        expect(current).to_have_text(words)
        expect(page.locator("#ranked")).to_be_hidden()


def test_the_next_question_waits_as_long_as_the_server_asks(site: RoutedSite, page: Page) -> None:
    still_clock(page)
    site.answer(f"GET {MATCH}", working("extracting", 0.1, retry_after="7"), ranking(1, 2, 2))
    site.open_clip()
    expect(page.locator("#stages")).to_be_visible()
    page.clock.run_for(6999)
    page.wait_for_timeout(200)
    assert len(site.requests_of(MATCH)) == 1
    page.clock.run_for(1)
    expect(page.locator("#ranking li")).to_have_count(2)
    assert len(site.requests_of(MATCH)) == 2


def test_more_appends_the_next_page_by_its_cursor(site: RoutedSite, page: Page) -> None:
    site.answer(f"GET {MATCH}", ranking(1, 25, 30, cursor="next&page"), ranking(26, 30, 30))
    site.open_clip()
    expect(page.locator("#ranking li")).to_have_count(25)
    page.locator("#ranking-more").click()
    expect(page.locator("#ranking li")).to_have_count(30)
    expect(page.locator("#ranking-more")).to_be_hidden()
    assert page.locator("#ranking .rank").all_inner_texts() == [str(rank) for rank in range(1, 31)]
    assert site.requests_of(MATCH)[-1]["cursor"] == ["next&page"]


def test_a_row_says_title_artist_score_start_and_length(site: RoutedSite, page: Page) -> None:
    site.answer(f"GET {MATCH}", ranking(2, 2, 1))
    site.open_clip()
    expect(page.locator("#ranking button")).to_have_text("2Track 2Somebodyscore 0.500from 0:07length 1:01")


def test_markup_in_names_stays_text(site: RoutedSite, page: Page) -> None:
    site.answer(f"GET {MATCH}", ranking(1, 1, 1, title=MARKUP, artist=MARKUP))
    failed = track(2, title=MARKUP, status="failed", error={"code": "media_unreadable", "detail": MARKUP})
    site.answer("GET /audio", Answer({"items": [failed], "total": 1, "next_cursor": None}))
    site.open_clip()
    expect(page.locator("#ranking .title")).to_have_text(MARKUP)
    expect(page.locator("#tracks .title")).to_have_text(MARKUP)
    assert page.locator("main b, main img").count() == 0


def test_a_failed_clip_shows_the_sentence_and_the_code(site: RoutedSite, page: Page) -> None:
    site.answer(f"GET {MATCH}", problem(422, "no_video", "the file holds no picture"))
    site.open_clip()
    expect(page.locator("#match-error")).to_contain_text("The file holds no picture. no_video")
    expect(page.locator("#ranked")).to_be_hidden()


def test_an_answer_that_is_no_problem_json_is_named_by_its_status(site: RoutedSite, page: Page) -> None:
    site.answer(f"GET {MATCH}", Answer("<h1>Oops</h1>", 500))
    site.open_clip()
    expect(page.locator("#match-error code")).to_have_text("http_500")
    expect(page.locator("#match-error h1")).to_have_count(0)


def test_a_lost_connection_is_said_and_taken_up_again(site: RoutedSite, page: Page) -> None:
    still_clock(page)
    site.answer(f"GET {MATCH}", working("started", retry_after="1"), NO_ANSWER, NO_ANSWER, ranking(1, 3, 3))
    site.open_clip()
    expect(page.locator("#stages")).to_be_visible()
    page.clock.run_for(1000)
    expect(page.locator("#connection")).to_contain_text("can't be reached. Trying again in 1 s")
    page.clock.run_for(1000)
    expect(page.locator("#connection")).to_contain_text("Trying again in 2 s")
    page.clock.run_for(2000)
    expect(page.locator("#ranking li")).to_have_count(3)
    expect(page.locator("#connection")).to_be_hidden()


def test_a_refused_upload_shows_its_code_and_can_be_sent_again(site: RoutedSite, page: Page, file: Path) -> None:
    accepted = Answer({"id": CLIP_ID, "match_url": MATCH}, 202)
    site.answer("POST /videos", problem(413, "media_too_large", "the file is larger than 1 GB"), accepted)
    site.answer(f"GET {MATCH}", ranking(1, 1, 1))
    site.open()
    page.set_input_files("#clip-file", file)
    expect(page.locator("#clip-upload")).to_contain_text("The file is larger than 1 GB. media_too_large")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#ranking li")).to_have_count(1)
    expect(page.locator("#clip-upload")).to_be_hidden()


def test_an_upload_that_loses_the_connection_is_sent_again(site: RoutedSite, page: Page, file: Path) -> None:
    site.answer("POST /audio", NO_ANSWER, Answer(track(9), 202))
    site.open()
    page.set_input_files("#track-files", file)
    expect(page.locator("#tracks li[data-id=track-9]")).to_have_attribute("data-status", "ready")
    expect(page.locator("#tracks li")).to_have_count(1)
    assert len(site.requests_of("/audio", "POST")) == 2


def test_each_of_many_files_ends_in_its_own_state(site: RoutedSite, page: Page, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.flac" for number in range(5)]
    for path in files:
        path.write_bytes(b"x")
    too_large = problem(413, "media_too_large", "too large")
    site.answer("POST /audio", *(too_large if number == 2 else Answer(track(number), 202) for number in range(5)))
    site.open()
    page.set_input_files("#track-files", files)
    expect(page.locator("#tracks li[data-status=ready]")).to_have_count(4)
    expect(page.locator("#tracks li[data-status=failed] code")).to_have_text("media_too_large")


def test_a_track_that_fails_while_watched_shows_its_code(site: RoutedSite, page: Page) -> None:
    listed = track(4, status="processing", stage="extracting", progress=0.5)
    failed = track(4, status="failed", error={"code": "no_audio", "detail": "the file holds no sound"})
    site.answer("GET /audio", Answer({"items": [listed], "total": 1, "next_cursor": None}))
    site.answer("GET /audio/track-4", Answer(listed), Answer(failed))
    site.open()
    expect(page.locator("#tracks .under")).to_have_text("Extracting 50 %")
    expect(page.locator("#tracks .under")).to_have_text("The file holds no sound. no_audio")


@pytest.mark.parametrize("untrained", [True, False])
def test_untrained_backbones_are_said_and_trained_ones_are_not(site: RoutedSite, page: Page, untrained: bool) -> None:
    model = {"id": "m", "kind": "va_metric", "bundle": "demo", "untrained_backbones": untrained}
    about = {"name": "Needledrop", "version": "1.2", "model": model, "tracks": {"ready": 3, "queued": 2, "failed": 1}}
    site.answer("GET /about", Answer(about))
    site.open()
    expect(page.locator("#library-about")).to_have_text("3 tracks ready · 2 in progress · 1 failed")
    expect(page.locator("#untrained")).to_be_visible(visible=untrained)


def test_the_page_fits_a_phone(site: RoutedSite, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    long_name = "Averylongtitlewithoutanyplacetobreakit" * 3
    site.answer(f"GET {MATCH}", ranking(1, 5, 5, title=long_name))
    site.answer("GET /audio", Answer({"items": [track(1, title=long_name)], "total": 1, "next_cursor": None}))
    site.open_clip()
    expect(page.locator("#ranking li")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("held_path", ["/session", "/web/js/main.js"])
@pytest.mark.parametrize(("chosen_in", "sent_to"), [("#clip-file", "/videos"), ("#track-files", "/audio")])
def test_a_file_chosen_before_the_page_is_ready_is_sent_when_it_is(
    site: RoutedSite, page: Page, file: Path, chosen_in: str, sent_to: str, held_path: str
) -> None:
    held = site.hold(held_path)
    site.open(wait_until="commit")
    page.wait_for_function("document.getElementById('track-files')")
    page.set_input_files(chosen_in, file)
    page.wait_for_timeout(200)
    assert site.requests_of(sent_to, "POST") == []
    with page.expect_request(lambda request: (request.method, urlsplit(request.url).path) == ("POST", sent_to)):
        site.release(held)


def test_the_line_on_the_connection_goes_when_trying_has_ended(site: RoutedSite, page: Page, file: Path) -> None:
    still_clock(page)
    site.answer("POST /videos", NO_ANSWER)
    site.open()
    page.set_input_files("#clip-file", file)
    for wait in (1, 2, 4, 8):
        expect(page.locator("#connection")).to_contain_text(f"Trying again in {wait} s")
        page.clock.run_for(wait * 1000)
    expect(page.locator("#clip-upload")).to_contain_text("The server can't be reached. network")
    expect(page.locator("#connection")).to_be_hidden()


def test_the_line_on_the_connection_goes_when_trying_is_cancelled(site: RoutedSite, page: Page, file: Path) -> None:
    still_clock(page)
    site.answer("POST /videos", NO_ANSWER)
    site.open()
    page.set_input_files("#clip-file", file)
    expect(page.locator("#connection")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#connection")).to_be_hidden()


def test_the_line_on_the_connection_stays_while_another_call_still_tries(
    site: RoutedSite, page: Page, file: Path
) -> None:
    still_clock(page)
    site.answer("POST /videos", NO_ANSWER)
    site.answer(f"GET {MATCH}", NO_ANSWER)
    site.open_clip()
    expect(page.locator("#connection")).to_be_visible()
    page.set_input_files("#clip-file", file)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#clip-upload")).to_be_hidden()
    expect(page.locator("#connection")).to_be_visible()


def test_keys_of_the_ranking_can_be_typed_into_the_sign_in(site: RoutedSite, page: Page) -> None:
    locked = problem(401, "key_invalid", "the key is not known")
    site.answer(f"GET {MATCH}", ranking(1, 25, 30, cursor="next"), locked)
    site.open_clip()
    page.locator("#ranking-more").click()
    expect(page.locator("#signin-key")).to_be_focused()
    page.keyboard.type("jk j")
    expect(page.locator("#signin-key")).to_have_value("jk j")


def still_clock(page: Page) -> None:
    """Let the page's time go on only where the test says so."""
    page.clock.install(time=0)
    page.clock.pause_at(1)
