"""The system as seen through its REST API: the browser tests' second opinion on what the page shows."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

READY_WITHIN_S = 180
ASK_EVERY_S = 0.2


class System:
    """`tracks`: the ids of the tracks that the tests have added."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.tracks: list[str] = []
        self._client = httpx.Client(base_url=self.url, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def add(self, path: str, file: Path) -> str:
        """Upload `file`; the id of the track or clip."""
        with file.open("rb") as stream:
            answer = self._client.post(path, files={"file": (file.name, stream)})
        return str(answer.raise_for_status().json()["id"])

    def delete(self, path: str) -> None:
        """Gone already is as good."""
        answer = self._client.delete(path)
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()

    def get(self, path: str, **query: str | int) -> Any:
        return self._client.get(path, params=query).raise_for_status().json()

    def status_of(self, path: str) -> int:
        return self._client.get(path).status_code

    def wait_ready(self, path: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while (answer := self.get(path))["status"] != "ready":
            assert answer["status"] != "failed", answer
            assert time.monotonic() < deadline, f"{path} was not ready in {READY_WITHIN_S} s: {answer}"
            time.sleep(ASK_EVERY_S)

    def ready_titles(self) -> list[str]:
        """The titles of all ready tracks, sorted."""
        titles: list[str] = []
        query: dict[str, str | int] = {"limit": 100}
        while True:
            answer = self.get("/audio", **query)
            titles += [track["title"] for track in answer["items"] if track["status"] == "ready"]
            if answer["next_cursor"] is None:
                return sorted(titles)
            query["cursor"] = answer["next_cursor"]
