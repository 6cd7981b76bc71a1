"""The ranking as the page shows it."""

from playwright.sync_api import Page, expect


def show_all(page: Page) -> None:
    """Ask for more until the ranking is whole."""
    more = page.locator("#ranking-more")
    while more.is_visible():
        shown = page.locator("#ranking button").count()
        more.click()
        expect(page.locator("#ranking button").nth(shown)).to_be_visible()


def shown_titles(page: Page) -> list[str]:
    """The titles of the whole ranking, sorted."""
    show_all(page)
    return sorted(page.locator("#ranking .title").all_inner_texts())
