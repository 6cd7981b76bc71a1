"""Debian's Chromium, which plays H.264 and AAC too; Playwright's own builds are not used."""

import shutil

FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]


def find_chromium() -> str | None:
    """The path of the browser, None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")
