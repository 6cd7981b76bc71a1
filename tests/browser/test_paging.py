"""Longer lists, a page at a time."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.routed import URL, Answer, RoutedSite, problem, track


@pytest.fixture
def site(page: Page) -> RoutedSite:
    return RoutedSite(page)


@pytest.mark.parametrize(
    ("path", "button", "rows"), [("/audio", "#tracks-more", "#tracks"), ("/videos", "#clips-more", "#clips")]
)
def test_a_double_click_on_more_appends_one_page(
    site: RoutedSite, page: Page, path: str, button: str, rows: str
) -> None:
    items = [track(number) for number in range(3)]
    pages = [Answer({"items": [item], "total": 3, "next_cursor": f"after-{item['id']}"}) for item in items]
    site.answer(f"GET {path}", *pages)
    site.open()
    expect(page.locator(f"{rows} li")).to_have_count(1)
    held = site.hold(f"{path}?*cursor=*")
    page.locator(button).dblclick()
    page.wait_for_timeout(200)
    site.release(held)
    expect(page.locator(f"{rows} li")).to_have_count(2)
    assert len(held) == 1
    page.unroute(f"{URL}{path}?*cursor=*")
    page.locator(button).click()
    expect(page.locator(f"{rows} li")).to_have_count(3)


@pytest.mark.parametrize(("path", "button"), [("/audio", "#tracks-more"), ("/videos", "#clips-more")])
def test_an_error_of_more_is_shown_and_more_can_be_asked_again(
    site: RoutedSite, page: Page, path: str, button: str
) -> None:
    first = Answer({"items": [track(1)], "total": 2, "next_cursor": "next"})
    site.answer(f"GET {path}", first, problem(500, "internal", "something broke"), first)
    site.open()
    page.locator(button).click()
    expect(page.locator("#errors")).to_contain_text("Something broke. internal")
    page.locator(button).click()
    page.wait_for_timeout(200)
    assert len(site.requests_of(path)) == 3
