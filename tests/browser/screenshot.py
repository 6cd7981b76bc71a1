"""Take the README's picture of the page: `python -m tests.browser.screenshot URL FILE [--dark]`, with a system running.

It opens the newest clip that is ranked, plays its first track for two seconds, and writes a PNG.
"""

import argparse
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium

DESKTOP = (1280, 900)
PHONE = (390, 844)
LISTEN_MS = 2500
COLOURS = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--phone", action="store_true")
    options = parser.parse_args()
    executable = find_chromium()
    if executable is None:
        parser.error("chromium is not on PATH")
    width, height = PHONE if options.phone else DESKTOP
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=executable, args=FLAGS) as browser:
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if options.dark else "light",
        )
        open_newest(page, options.url)
        picture = Image.open(BytesIO(page.screenshot(full_page=options.phone)))
    picture.quantize(COLOURS).save(options.file, optimize=True)


def open_newest(page: Page, url: str) -> None:
    """Show the newest ranked clip with its first track playing."""
    clips = httpx.get(f"{url}/videos", params={"limit": 50}).raise_for_status().json()["items"]
    ready = [clip["id"] for clip in clips if clip["status"] == "ready"]
    page.goto(f"{url}/#/match/{ready[0]}" if ready else url)
    if ready:
        page.locator("#ranking button").first.click()
        page.wait_for_timeout(LISTEN_MS)


if __name__ == "__main__":
    main()
