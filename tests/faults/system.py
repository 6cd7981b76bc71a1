"""A whole system to break: its own broker and database, the fleet, a client, and what must hold of its rows."""

import itertools
import os
import random
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from alembic import command

from matcher.db import Database
from matcher.migrating import alembic_config
from matcher.models.service import install_bundle
from needledrop.features import Modality, matrix_from_bytes
from needledrop_local.ports import free_port
from needledrop_local.postgres import Postgres
from needledrop_local.valkey import Valkey
from needledrop_storage.keys import features_key
from needledrop_storage.store import MediaStore
from tests.faults.chaos import SEED
from tests.faults.fleet import Fleet, until
from tests.faults.proxy import Proxy, proxied
from tests.faults.stand_in import RUNS, Order, codes_of, write_bundle

LEASE_S = 10.0
MAX_ATTEMPTS = 5
HARD_LIMIT_S = 12
STOP_S = 4.0
SETTINGS = {
    "NEEDLEDROP_LEASE_S": str(LEASE_S),
    "NEEDLEDROP_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
    "NEEDLEDROP_RETRY_BACKOFF_S": "0.2",
    "NEEDLEDROP_REPUBLISH_S": "3",
    "NEEDLEDROP_DISPATCH_POLL_S": "0.5",
    "NEEDLEDROP_TASK_HARD_LIMIT_S": str(HARD_LIMIT_S),
    "NEEDLEDROP_STOP_S": str(STOP_S),
}
_numbers = itertools.count(random.Random(SEED).randrange(1 << 40))


@dataclass(frozen=True)
class Tally:
    """`lost`: without their result. `repeated`: with more than one. `runs`: how often the files were extracted."""

    jobs: int
    lost: int
    repeated: int
    runs: int


@dataclass
class System:
    fleet: Fleet
    postgres: Postgres
    valkey: Valkey
    proxy: Proxy
    database_url: str
    store: MediaStore
    folder: Path
    api_port: int
    spaces: dict[Modality, str]
    answers: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def rows(self, query: str, *values: object) -> list[Any]:
        url = self.database_url.replace("postgresql+psycopg", "postgresql", 1)
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def write(self, statement: str) -> None:
        url = self.database_url.replace("postgresql+psycopg", "postgresql", 1)
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute(statement.encode())

    def upload(self, order: Order, modality: Modality = Modality.AUDIO) -> str:
        """The asset's id."""
        answer = self.post(order, modality)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def post(self, order: Order, modality: Modality = Modality.AUDIO, timeout_s: float = 30) -> httpx.Response:
        route = "audio" if modality is Modality.AUDIO else "videos"
        return httpx.post(
            f"{self.url}/{route}", params={"filename": f"{order.number}.json"}, content=order.file(), timeout=timeout_s
        )

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def job(self, asset_id: str) -> dict[str, Any]:
        columns = ("id", "state", "attempt", "tries", "error_code", "worker", "stage", "space")
        [row] = self.rows(f"SELECT {', '.join(columns)} FROM jobs WHERE coalesce(track_id, clip_id) = %s", asset_id)
        return dict(zip(columns, row, strict=True))

    def settle(self, ids: Iterable[str], within_s: float) -> float:
        """Wait until none of these assets' jobs is open; how many seconds that took."""
        wanted = list(ids)

        def settled() -> bool:
            query = (
                "SELECT count(*) FROM jobs"
                " WHERE coalesce(track_id, clip_id) = ANY(%s) AND state IN ('queued', 'running')"
            )
            return bool(self.rows(query, wanted)[0][0] == 0)

        try:
            return until(settled, within_s, f"{len(wanted)} jobs settle")
        except AssertionError as error:
            query = (
                "SELECT state, stage, attempt, error_code, count(*) FROM jobs"
                " WHERE coalesce(track_id, clip_id) = ANY(%s) GROUP BY 1, 2, 3, 4"
            )
            raise AssertionError(f"{error}: {self.rows(query, wanted)}") from error

    def tally(self, orders: dict[str, Order], modality: Modality = Modality.AUDIO) -> Tally:
        """What became of the orders, by asset id: each must have its one job done, the features that its bytes have,
        and the same number of embeddings, each window once."""
        column = "track_id" if modality is Modality.AUDIO else "clip_id"
        done = {
            str(row[0])
            for row in self.rows(f"SELECT {column} FROM jobs WHERE state = 'done' AND {column} = ANY(%s)", list(orders))
        }
        embedded = {
            str(asset): (count, starts)
            for asset, count, starts in self.rows(
                f"SELECT {column}, count(*), count(DISTINCT start_s) FROM embeddings"
                f" WHERE {column} = ANY(%s) GROUP BY 1",
                list(orders),
            )
        }
        expected = max((count for count, _ in embedded.values()), default=0)
        good = {
            asset
            for asset, order in orders.items()
            if asset in done and asset in embedded and self._has_features(order, modality)
        }
        repeated = [asset for asset, (count, starts) in embedded.items() if count != starts or count != expected]
        jobs = self.rows(f"SELECT {column} FROM jobs WHERE {column} = ANY(%s)", list(orders))
        runs = (self.folder / RUNS).read_text().split() if (self.folder / RUNS).exists() else []
        wanted = {order.sha256 for order in orders.values()}
        return Tally(
            jobs=len(orders),
            lost=len(orders) - len(good),
            repeated=len(repeated) + len(jobs) - len({row[0] for row in jobs}),
            runs=sum(1 for sha256 in runs if sha256 in wanted),
        )

    def _has_features(self, order: Order, modality: Modality) -> bool:
        key = features_key(order.sha256, self.spaces[modality])
        return bool((matrix_from_bytes(self.store.get_bytes(key)) == codes_of(order.sha256, modality)).all())


def orders(count: int, **of: Any) -> list[Order]:
    """So many files, all different from each other and from every other test's."""
    return [Order(next(_numbers), **of) for _ in range(count)]


@contextmanager
def running_system(folder: Path) -> Iterator[System]:
    """Everything started and working, two audio extractors and a video extractor; all stopped at the end."""
    bundle = write_bundle(folder / "bundle")
    postgres = Postgres(folder / "db", folder / "db.log")
    valkey = Valkey(folder / "redis", folder / "redis.log")
    port = free_port()
    postgres.start()
    try:
        valkey.start()
        command.upgrade(alembic_config(postgres.url), "head")
        database = Database(postgres.url)
        install_bundle(database, bundle)
        database.close()
        with proxied(int(valkey.url.rsplit(":", 1)[1].split("/")[0])) as proxy:
            environment = {
                **SETTINGS,
                "NEEDLEDROP_DATABASE_URL": postgres.url,
                "NEEDLEDROP_REDIS_URL": f"{valkey.url.rsplit(':', 1)[0]}:{proxy.port}/0",
                "NEEDLEDROP_MEDIA_URL": (folder / "media").as_uri(),
                "NEEDLEDROP_BUNDLE": str(bundle.root),
                "NEEDLEDROP_PORT": str(port),
                "NEEDLEDROP_THREADS": "1",
                "NEEDLEDROP_FAULTS_DIR": str(folder),
            }
            fleet = Fleet(environment, folder / "logs")
            system = System(
                fleet,
                postgres,
                valkey,
                proxy,
                postgres.url,
                MediaStore((folder / "media").as_uri()),
                folder,
                port,
                {modality: bundle.space(modality).id for modality in Modality},
            )
            try:
                fleet.add_command("api", "matcher", "api")
                fleet.add_command("dispatcher", "matcher", "dispatcher")
                # It may take long to import PyTorch where all starts at once.
                fleet.add_command("matcher-worker", "matcher", "worker", NEEDLEDROP_TASK_HARD_LIMIT_S="120")
                fleet.add_extractor("audio-1")
                fleet.add_extractor("audio-2")
                until(system.ready, 120, "the API is ready")
                [first] = orders(1)
                system.settle([system.upload(first)], 120)
                yield system
            finally:
                fleet.stop()
    finally:
        with_continued(valkey)
        valkey.stop()
        postgres.stop()


def with_continued(valkey: Valkey) -> None:
    """Let a stopped broker go on, so that it can be told to end."""
    if valkey.process.running:
        os.kill(valkey.process.pid, signal.SIGCONT)
