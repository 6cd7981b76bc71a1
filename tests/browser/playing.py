"""What the page's two media elements do, read from the elements themselves."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

WITHIN_S = 30
READ = """() => {
  const [video, audio] = ["video", "audio"].map((id) => document.getElementById(id));
  return {
    video: video.currentTime, audio: audio.currentTime,
    video_runs: !video.paused && !video.seeking && !video.ended,
    audio_runs: !audio.paused && !audio.seeking && !audio.ended,
    audible: !audio.muted && audio.volume > 0, picture_silent: video.muted,
  };
}"""


@dataclass(frozen=True)
class Playing:
    """Both positions in seconds, read at one moment."""

    video: float
    audio: float
    video_runs: bool
    audio_runs: bool
    audible: bool
    picture_silent: bool

    @property
    def both(self) -> bool:
        return self.video_runs and self.audio_runs

    def drift(self, start_s: float) -> float:
        """Seconds that the track is ahead of the clip."""
        return self.audio - start_s - self.video


def read(page: Page) -> Playing:
    return Playing(**page.evaluate(READ))


def wait_for(page: Page, condition: Callable[[Playing], bool]) -> Playing:
    """The first reading that meets `condition`."""
    deadline = time.monotonic() + WITHIN_S
    while not condition(now := read(page)):
        assert time.monotonic() < deadline, f"not met in {WITHIN_S} s: {now}"
        page.wait_for_timeout(50)
    return now


def follow(page: Page, seconds: float) -> list[Playing]:
    """Readings over `seconds`, each while both media run."""
    end = time.monotonic() + seconds
    readings = []
    while time.monotonic() < end:
        if (now := read(page)).both:
            readings.append(now)
        page.wait_for_timeout(100)
    return readings
