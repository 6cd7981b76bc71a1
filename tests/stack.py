"""The whole system as local processes for tests, with the demo bundle and the demo library in it."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, RLock, Thread

from needledrop_client import Client
from needledrop_demo import DemoClip, DemoTrack, write_clips, write_library
from needledrop_local.stack import Stack

WAIT_S = 240.0
TEND_S = 0.5


class TendedStack(Stack):
    """A stack on a free port that may be tended by one thread while another kills and starts its parts."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        super().__init__(home, port=None, env=env)
        self._lock = RLock()

    def start(self, name: str) -> None:
        with self._lock:
            super().start(name)

    def stop(self, name: str) -> None:
        with self._lock:
            super().stop(name)

    def kill(self, name: str) -> None:
        with self._lock:
            super().kill(name)

    def tend(self) -> None:
        with self._lock:
            super().tend()

    def check(self) -> None:
        """A part that ended by itself is started again; `ProcessDiedError` where it keeps on ending."""
        self.tend()

    @contextmanager
    def tended(self) -> Iterator[None]:
        """Inside, a thread starts parts again that ended by themselves, as a supervisor does."""
        over = Event()

        def tend() -> None:
            while not over.wait(TEND_S):
                self.tend()

        thread = Thread(target=tend, name="tends-the-stack", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@dataclass(frozen=True)
class RunningStack:
    """`tracks` are in the library and ready; `clips` are files that nobody has uploaded yet."""

    stack: Stack
    client: Client
    tracks: list[DemoTrack]
    clips: list[DemoClip]

    @property
    def url(self) -> str:
        return self.stack.url

    def restore_library(self) -> None:
        """Make the library the demo's again, whatever tests before have added to it or deleted from it."""
        wanted = {hashlib.sha256(track.path.read_bytes()).hexdigest() for track in self.tracks}
        for track in list(self.client.library()):
            if track.sha256 not in wanted:
                self.client.delete_track(track.id)
        for track_id in [self.client.upload_audio(track.path).id for track in self.tracks]:
            wait_for_track(self.client, track_id)


@contextmanager
def running_stack(home: Path) -> Iterator[RunningStack]:
    tracks = write_library(home / "demo" / "library")
    clips = write_clips(home / "demo" / "clips")
    # A short lease, so that a job whose worker was killed is tried again while the test waits.
    environment = {"NEEDLEDROP_LEASE_S": "30", "NEEDLEDROP_REPUBLISH_S": "5"}
    with TendedStack(home / "system", environment) as stack, stack.tended(), Client(stack.url) as client:
        running = RunningStack(stack, client, tracks, clips)
        running.restore_library()
        yield running


def wait_for_track(client: Client, track_id: str, within_s: float = WAIT_S) -> None:
    """Return once the track is ready; fails with the track's own error, or after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        track = client.track(track_id)
        if track.status == "ready":
            return
        assert track.status != "failed", f"{track.title}: {track.error}"
        assert time.monotonic() < deadline, f"{track.title} is {track.status} ({track.stage}) after {within_s:g} s"
        time.sleep(0.2)
