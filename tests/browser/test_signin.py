"""Signing in: the page of a server with keys, over a real API without extractors."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from matcher.access.keys import KeyWish, NewKey, create_key, revoke_key
from matcher.access.scopes import Scope
from tests.embedded import Servers
from tests.serving import served
from tests.site import Site, site_of


@pytest.fixture
def site(servers: Servers, tmp_path: Path) -> Iterator[Site]:
    with site_of(servers, tmp_path) as site:
        yield site


@pytest.fixture
def key(site: Site) -> NewKey:
    return create_key(site.database, KeyWish("editor", Scope.WRITE))


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    with served(site.app) as url:
        yield url


def test_a_server_without_keys_asks_for_none(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("#library-about")).to_have_text("0 tracks ready")
    expect(page.locator("#signin")).to_be_hidden()
    expect(page.locator("#signout")).to_be_hidden()


def test_the_page_opens_to_a_key_and_stays_open_until_sign_out(page: Page, url: str, key: NewKey) -> None:
    page.goto(url)
    expect(page.locator("#signin")).to_be_visible()
    expect(page.locator("main")).to_be_hidden()
    page.locator("#signin-key").fill("nd_" + "x" * 43)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#signin-error")).to_contain_text("key_invalid")
    sign_in(page, key)
    page.reload()
    expect(page.locator("#library-about")).to_have_text("0 tracks ready")
    [cookie] = page.context.cookies()
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#signin")).to_be_visible()
    assert page.context.cookies() == []


def test_media_elements_play_with_the_cookie(page: Page, url: str, key: NewKey) -> None:
    page.goto(url)
    sign_in(page, key)
    status = page.evaluate(
        """async () => {
          const sent = await fetch("/audio?filename=a.flac", {method: "POST", body: "bytes"});
          const track = await sent.json();
          return [sent.status, (await fetch(track.url, {headers: {Range: "bytes=0-1"}})).status];
        }"""
    )
    assert status == [202, 206]


def test_a_revoked_key_brings_the_sign_in_back(page: Page, site: Site, url: str, key: NewKey) -> None:
    page.goto(url)
    sign_in(page, key)
    revoke_key(site.database, key.key.id)
    page.locator("#clip-file").set_input_files({"name": "clip.mp4", "mimeType": "video/mp4", "buffer": b"bytes"})
    expect(page.locator("#signin")).to_be_visible()


def sign_in(page: Page, key: NewKey) -> None:
    page.locator("#signin-key").fill(key.text)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#signout")).to_be_visible()
