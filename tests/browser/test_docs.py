"""The page about the API, of a server whose answers are all that the browser can get."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.embedded import Servers
from tests.serving import served
from tests.site import site_of


@pytest.fixture
def url(servers: Servers, tmp_path: Path) -> Iterator[str]:
    with site_of(servers, tmp_path) as site, served(site.app) as url:
        yield url


def test_the_page_about_the_api_needs_nothing_from_elsewhere(page: Page, url: str) -> None:
    elsewhere: list[str] = []
    page.on(
        "request", lambda request: None if request.url.startswith((url, "data:")) else elsewhere.append(request.url)
    )
    page.goto(f"{url}/docs")
    expect(page.locator("#swagger-ui .info .title")).to_contain_text("Needledrop")
    expect(page.locator("#swagger-ui")).to_contain_text("OAS 3.1")
    expect(page.locator("#swagger-ui")).not_to_contain_text("Unable to render")
    page.locator(".opblock-summary", has_text="/about").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert elsewhere == []
