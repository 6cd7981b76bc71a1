"""A small system with some of everything in it, and empty systems to restore it into."""

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import SecretStr
from starlette.testclient import TestClient

from matcher.db import Database
from matcher.settings import MatcherSettings
from matcher.tables import Model
from needledrop_storage.keys import model_key
from needledrop_storage.store import MediaStore
from tests.api import MODEL, Api
from tests.client import local_client
from tests.embedded import Servers

REPORT = b"# Report\n"
_numbers = itertools.count()


@dataclass(frozen=True)
class System:
    """A database and a media store; `client()` serves the API over them."""

    settings: MatcherSettings
    database: Database
    store: MediaStore

    @contextmanager
    def client(self) -> Iterator[TestClient]:
        with local_client(self.settings) as client:
            yield client

    def environment(self) -> dict[str, str]:
        """What a process needs to work on this system."""
        return {
            "NEEDLEDROP_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "NEEDLEDROP_REDIS_URL": self.settings.redis_url.get_secret_value(),
            "NEEDLEDROP_MEDIA_URL": self.settings.media_url,
        }

    def objects(self) -> dict[str, str]:
        """The hash of every object that the store holds, by its key."""
        return {key: hashlib.sha256(self.store.get_bytes(key)).hexdigest() for key in self.store.keys("")}


@contextmanager
def empty_system(servers: Servers, folder: Path, *, migrated: bool = False) -> Iterator[System]:
    """A database without a table, or one that `migrate` has prepared, and an empty folder."""
    name = f"restored_{next(_numbers)}"
    servers.execute(f"CREATE DATABASE {name}" + (" TEMPLATE migrated" if migrated else ""))
    settings = MatcherSettings(
        database_url=SecretStr(servers.address(name)),
        redis_url=SecretStr(servers.valkey.url),
        media_url=(folder / name).as_uri(),
    )
    database = Database(settings.database_url.get_secret_value())
    yield System(settings, database, MediaStore(settings.media_url))
    database.close()


def system_of(api: Api) -> System:
    return System(api.settings, api.database, api.store)


def fill(api: Api, seed: int) -> list[str]:
    """Tracks, clips, a pair, a choice, a trained model, a failed upload and one that waits; the clips' ids."""
    rng = np.random.default_rng(seed)

    def codes(rows: int) -> list[list[int]]:
        drawn: list[list[int]] = rng.integers(0, 256, (rows, 3)).tolist()
        return drawn

    tracks = [api.add_track(f"track {number}.ogg", codes(6)) for number in range(12)]
    clips = [api.add_clip(f"clip {number}.mp4", codes(2)) for number in range(4)]
    api.add_pair("pair.mp4", codes(3), codes(3))
    api.add_track("waiting.ogg")
    chosen = api.client.post(f"/match/{clips[0]}/choices", json={"audio_id": tracks[3], "start_s": 1.5})
    assert chosen.is_success
    api.store.put_bytes(model_key("trained", "report.md"), REPORT)
    files = {"report.md": hashlib.sha256(REPORT).hexdigest()}
    with api.database.begin() as session:
        session.add(Model(**{**MODEL, "id": "trained", "name": "mine", "files": files, "summary": {"recall": 0.5}}))
    return clips


def answers(client: TestClient, clips: list[str]) -> dict[str, object]:
    """All that a user sees: rankings, choices, lists, and every file's hash."""
    seen: dict[str, object] = {clip: client.get(f"/match/{clip}").json() for clip in clips}
    seen |= {f"choices of {clip}": client.get(f"/match/{clip}/choices").json() for clip in clips}
    for address in ("/audio", "/videos", "/pairs"):
        listed = client.get(address, params={"limit": 500}).json()
        seen[address] = listed
        for item in listed["items"]:
            seen[item["url"]] = hashlib.sha256(client.get(item["url"]).content).hexdigest()
    seen["/models"] = client.get("/models").json()
    seen["report"] = client.get("/models/trained/report").json()
    return seen
