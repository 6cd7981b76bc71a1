"""What Locust's users do; run by `bench.system.load`. Locust imports it in a process of its own."""

import io
import os
import random
import time
import wave
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from locust import HttpUser, between, events, task

WITHIN_S = 120.0


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--clips", required=True, help="folder of clips to send")


events.init_command_line_parser.add_listener(_options)  # type: ignore[no-untyped-call]


class Editor(HttpUser):
    wait_time = between(0.2, 1.0)

    def on_start(self) -> None:
        self.clips = [path.read_bytes() for path in sorted(Path(self.environment.parsed_options.clips).glob("*.mp4"))]
        self.ranked: list[str] = []
        self.tracks = [item["id"] for item in self.client.get("/audio?limit=100", name="/audio").json()["items"]]

    @task(1)
    def new_clip(self) -> None:
        """A clip that nobody has sent, until it is ranked: the bytes of another with a box that players skip."""
        box = os.urandom(16)
        data = random.choice(self.clips) + (8 + len(box)).to_bytes(4, "big") + b"free" + box
        answer = self.client.post("/videos", files={"file": ("clip.mp4", data, "video/mp4")}, name="/videos")
        if answer.ok:
            self._wait(answer.json()["id"])

    @task(1)
    def new_track(self) -> None:
        answer = self.client.post("/audio", files={"file": ("noise.wav", _noise(), "audio/wav")}, name="/audio")
        if answer.ok:
            self.tracks.append(answer.json()["id"])

    @task(10)
    def pages(self) -> None:
        if self.ranked:
            first = self._get_match(random.choice(self.ranked), limit=10)
            if first.get("next_cursor"):
                self._get_match(first["clip_id"], limit=10, cursor=first["next_cursor"])

    @task(10)
    def listen(self) -> None:
        start = random.randrange(0, 20_000)
        self.client.get(
            f"/audio/{random.choice(self.tracks)}/file",
            headers={"Range": f"bytes={start}-{start + 65_535}"},
            name="/audio/{id}/file, a range",
        )

    @task(2)
    def library(self) -> None:
        self.client.get("/audio?limit=50", name="/audio")

    def _wait(self, clip: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            answer = self.client.get(f"/match/{clip}", name="/match/{id}, polled")
            if answer.status_code != 202:
                break
            time.sleep(0.5)
        if answer.ok and answer.status_code == 200:
            self.ranked.append(clip)

    def _get_match(self, clip: str, **params: Any) -> dict[str, Any]:
        answer = self.client.get(f"/match/{clip}", params=params, name="/match/{id}")
        return dict(answer.json()) if answer.ok else {}


def _noise(seconds: float = 2.0, rate: int = 16_000) -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(rate)
            writer.writeframes(os.urandom(round(seconds * rate) * 2))
        return file.getvalue()
