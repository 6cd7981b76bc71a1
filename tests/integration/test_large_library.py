"""Rankings of a library that has an approximate index, against a plain loop in NumPy over every window."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Select, create_engine, func, insert, select, text
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from matcher.db import Database
from matcher.embedding import bulk
from matcher.embedding.embedded import Embedded, Owned, WindowRow
from matcher.embedding.index_keeper import IndexKeeper
from matcher.embedding.repository import ann_index
from matcher.embedding.repository.ann_index import index_name
from matcher.embedding.repository.embeddings import EmbeddingRepository
from matcher.matches.repository.ranking import Counts, RankingRepository
from matcher.models.service import register
from matcher.registry.repository import delete_model, switch_to
from matcher.settings import MatcherSettings
from matcher.tables import Embedding, Model, Track
from tests.api import MODEL, Api
from tests.client import local_client
from tests.embedded import Servers

TRACKS, WINDOWS, DIM, CLIPS = 3000, 3, 24, 12
QUARTER = "quarter"


@dataclass(frozen=True)
class Large:
    """`vectors` [TRACKS, WINDOWS, DIM] as half floats keep them; track n is `ids[n]`, n seconds long."""

    url: str
    client: TestClient
    database: Database
    ids: list[str]
    vectors: npt.NDArray[np.float32]
    clips: dict[str, npt.NDArray[np.float32]]

    def order(self, clip: str, which: npt.NDArray[np.bool_]) -> list[tuple[float, str]]:
        """(distance, id) of the tracks `which`, each distance computed on its own."""
        differences = self.vectors[which].astype(np.float64) - self.clips[clip]
        nearest = np.sqrt((differences**2).sum(-1)).min(1)
        return sorted(zip(nearest, np.array(self.ids)[which].tolist(), strict=True))

    def keep_index(self) -> int:
        return IndexKeeper(self.url, from_windows=1000, memory_mb=64, workers=0).run_once()

    def pages(self, clip: str, limit: int, most: int = 10**6, **filters: object) -> list[Any]:
        found: list[Any] = []
        cursor = None
        while len(found) < most:
            given = {"limit": limit, **filters, **({"cursor": cursor} if cursor else {})}
            answer = self.client.get(f"/match/{clip}", params=given)
            assert answer.status_code == 200, answer.text
            found += answer.json()["results"]
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                break
        return found


@pytest.fixture(scope="module")
def large(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    url = servers.fresh_database()
    settings = MatcherSettings(
        database_url=SecretStr(url),
        redis_url=SecretStr(servers.valkey.url),
        media_url=tmp_path_factory.mktemp("media").as_uri(),
    )
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(30, DIM))
    vectors = (centres[rng.integers(30, size=TRACKS)][:, None] + 0.6 * rng.normal(size=(TRACKS, WINDOWS, DIM))).astype(
        np.float16
    )
    ids = [uuid4() for _ in range(TRACKS)]
    database = Database(url)
    with database.begin() as session:
        register(session, Model(**MODEL))
        rows = [
            {
                "id": track_id, "sha256": f"{number:064x}", "filename": "f.wav", "media_type": "audio/wav", "bytes": 1,
                "duration_s": float(number), "tags": [QUARTER] if number % 4 == 0 else ["rest"],
            }
            for number, track_id in enumerate(ids)
        ]  # fmt: skip
        session.execute(insert(Track), rows)
        bulk.write(session, str(MODEL["id"]), _owned(ids, vectors))
    with local_client(settings) as client:
        clips = {}
        for number in range(CLIPS):
            answer = client.post("/videos", files={"file": (f"c{number}", f"c{number}".encode())})
            clip = str(answer.json()["id"])
            clips[clip] = (centres[number] + 0.8 * rng.normal(size=DIM)).astype(np.float16).astype(np.float32)
            with database.begin() as session:
                embedded = Embedded([WindowRow(0.0, clips[clip].tolist())])
                EmbeddingRepository(session).replace(str(MODEL["id"]), [Owned(None, UUID(clip), embedded)])
        made = Large(url, client, database, [str(one) for one in ids], vectors.astype(np.float32), clips)
        assert made.keep_index() == 1
        with database.begin() as session:
            session.execute(text("ANALYZE"))
        yield made
    database.close()


def _owned(ids: Sequence[UUID], vectors: npt.NDArray[np.float16]) -> list[Owned]:
    """Windows of ten seconds."""
    return [
        Owned(one, None, Embedded([WindowRow(10.0 * number, row.tolist()) for number, row in enumerate(windows)]))
        for one, windows in zip(ids, vectors, strict=True)
    ]


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each page was found."""
    taken: list[str] = []
    by_index, exact = RankingRepository.by_index, RankingRepository.exact

    def noted_index(self: object, *args: object) -> object:
        found = by_index(self, *args)  # type: ignore[arg-type]
        taken.append("index" if found is not None else "index in vain")
        return found

    def noted_exact(self: object, *args: object) -> object:
        taken.append("exact")
        return exact(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(RankingRepository, "by_index", noted_index)
    monkeypatch.setattr(RankingRepository, "exact", noted_exact)
    return taken


@pytest.mark.parametrize(
    ("filters", "share"),
    [({}, 1), ({"tag": QUARTER}, 4), ({"min_duration": 1000, "max_duration": 2499.5}, 2)],
    ids=["unfiltered", "by tag", "by duration"],
)
def test_pages_from_the_index_are_full_and_hold_nearly_all_of_the_nearest(
    large: Large, ways: list[str], filters: dict[str, object], share: int
) -> None:
    number = np.arange(TRACKS)
    which = {1: number >= 0, 4: number % 4 == 0, 2: (number >= 1000) & (number < 2500)}[share]
    for limit in (10, 15 if filters else 100):
        hits = 0
        for clip in large.clips:
            answer = large.client.get(f"/match/{clip}", params={"limit": limit, **filters}).json()
            expected = large.order(clip, which)
            assert answer["total"] == len(expected) == TRACKS // share
            got = [(result["distance"], result["audio"]["id"]) for result in answer["results"]]
            assert len({track_id for _, track_id in got}) == limit
            distances = {track_id: distance for distance, track_id in expected}
            np.testing.assert_allclose([d for d, _ in got], [distances[i] for _, i in got], rtol=1e-5)
            assert got == sorted(got)
            hits += len({i for _, i in got} & {i for _, i in expected[:limit]})
        assert hits >= 0.99 * limit * CLIPS
    assert set(ways) == {"index"}


def test_a_narrow_filter_and_a_long_page_are_exact(large: Large, ways: list[str]) -> None:
    clip = next(iter(large.clips))
    few = large.pages(clip, 20, min_duration=30, max_duration=60)
    assert [result["audio"]["id"] for result in few] == [
        track for _, track in large.order(clip, (np.arange(TRACKS) >= 30) & (np.arange(TRACKS) <= 60))
    ]
    some = large.pages(clip, 50, most=50, tag=QUARTER)
    expected = large.order(clip, np.arange(TRACKS) % 4 == 0)[:50]
    assert [result["audio"]["id"] for result in some] == [track for _, track in expected]
    long = large.pages(clip, 101, most=101)
    assert [result["audio"]["id"] for result in long] == [
        track for _, track in large.order(clip, np.ones(TRACKS, bool))[:101]
    ]
    assert set(ways) == {"exact"}


def test_a_page_that_the_index_cannot_fill_is_made_exactly(
    large: Large, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_index = RankingRepository._walk_index

    def walk_a_step(ranking: RankingRepository) -> None:
        """One candidate and no going on: the index proposes a window at most, however its graph has turned out."""
        walk_index(ranking)
        ranking._set({"hnsw.ef_search": "1", "hnsw.iterative_scan": "off"})

    monkeypatch.setattr(RankingRepository, "_walk_index", walk_a_step)
    clip = next(iter(large.clips))
    answer = large.pages(clip, 6, most=6, max_duration=299)
    assert ways == ["index in vain", "exact"]
    expected = large.order(clip, np.arange(TRACKS) < 300)[:6]
    assert [result["audio"]["id"] for result in answer] == [track for _, track in expected]


@pytest.mark.parametrize("filters", [{}, {"max_duration": 2499}])
def test_a_page_of_the_wrong_tracks_is_made_exactly(
    large: Large, ways: list[str], monkeypatch: pytest.MonkeyPatch, filters: dict[str, object]
) -> None:
    """As where the walk through the index ends among the wrong windows."""

    def the_farthest(ranking: RankingRepository, look: int, limit: int) -> Select[UUID]:
        distance = func.min(ranking._distance())
        return ranking._windows(Embedding.track_id).group_by(Embedding.track_id).order_by(distance.desc()).limit(limit)

    monkeypatch.setattr(RankingRepository, "_proposed", the_farthest)
    clip = next(iter(large.clips))
    answer = large.pages(clip, 10, most=10, **filters)
    expected = large.order(clip, np.arange(TRACKS) < 2500 if filters else np.ones(TRACKS, bool))[:10]
    assert [result["audio"]["id"] for result in answer] == [track for _, track in expected]
    assert ways == ["index in vain", "exact"]


@pytest.mark.parametrize("lost", [0, 3])
def test_paging_over_the_indexs_page_yields_each_track_once(
    large: Large, ways: list[str], monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """`lost`: of the first page's tracks the index misses so many."""
    clip = next(iter(large.clips))
    by_index = RankingRepository.by_index

    def forgetful(self: RankingRepository, counts: Counts, limit: int) -> object:
        found = by_index(self, counts, limit + lost)
        return found and found[lost:]

    monkeypatch.setattr(RankingRepository, "by_index", forgetful)
    for limit in (1, 2, 40):
        found = large.pages(clip, limit, most=limit * 8)
        expected = [track for _, track in large.order(clip, np.ones(TRACKS, bool))[: len(found)]]
        ids = [result["audio"]["id"] for result in found]
        assert len(set(ids)) == len(ids)
        assert [result["rank"] for result in found] == list(range(1, len(ids) + 1))
        assert sorted(ids) == sorted(expected) or limit * 8 <= lost + limit
    whole = large.pages(clip, 100, tag=QUARTER)
    assert {result["audio"]["id"] for result in whole} == set(large.ids[::4])
    assert len(whole) == len(large.ids[::4])
    assert {"index", "exact"} <= set(ways)


def test_a_models_index_comes_with_its_use_and_goes_with_the_model(large: Large) -> None:
    def indexes() -> set[str]:
        with large.database.begin() as session:
            return set(session.scalars(text("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'ann_%'")))

    first, second = str(MODEL["id"]), "second'; --"
    assert (indexes(), large.keep_index()) == ({index_name(first)}, 0)
    with large.database.begin() as session:
        session.add(Model(**{**MODEL, "id": second, "name": "second", "files": {}, "state": "ready"}))
        session.flush()
        rows = session.execute(select(Track.id)).scalars().all()
        vectors = np.random.default_rng(1).normal(size=(TRACKS, 1, 8)).astype(np.float16)
        bulk.write(session, second, _owned(rows, vectors))
    assert large.keep_index() == 0, "not in use"
    with large.database.begin() as session:
        switch_to(session, second)
    assert large.keep_index() == 1
    assert indexes() == {index_name(first), index_name(second)}, "another dimension, and the one before stays"
    with large.database.begin() as session:
        switch_to(session, first)
        delete_model(session, second)
    assert large.keep_index() == 1
    assert indexes() == {index_name(first)}


def test_an_index_whose_making_was_interrupted_is_made_anew(large: Large) -> None:
    with large.database.begin() as session:
        session.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:name AS regclass)"),
            {"name": index_name(str(MODEL["id"]))},
        )
    clip = next(iter(large.clips))
    exact = large.pages(clip, 30, most=30)
    assert [r["audio"]["id"] for r in exact] == [track for _, track in large.order(clip, np.ones(TRACKS, bool))[:30]]
    assert large.keep_index() == 2
    assert large.keep_index() == 0


def test_an_index_that_outgrows_its_memory_is_foreseen_and_warned_of(large: Large) -> None:
    notices: list[str] = []
    engine = create_engine(large.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        ann_index.drop(connection, index_name(str(MODEL["id"])))
        ann_index.create(connection, str(MODEL["id"]), DIM, memory_mb=4, workers=0)
        (fitted,) = [
            int(said) for notice in notices for said in re.findall(r"no longer fits .* after (\d+) tuples", notice)
        ]
        assert 3 <= ann_index.graph_mb(fitted, DIM) <= 5
        for memory_mb, warned in ((4, [ann_index.graph_mb(TRACKS * WINDOWS, DIM)]), (64, [])):
            ann_index.drop(connection, index_name(str(MODEL["id"])))
            with capture_logs() as logs:
                assert IndexKeeper(large.url, from_windows=1000, memory_mb=memory_mb, workers=0).run_once() == 1
            assert [entry["needed_mb"] for entry in logs if entry["log_level"] == "warning"] == warned
    engine.dispose()


def test_a_small_library_gets_no_index(api: Api, servers: Servers) -> None:
    api.add_track("a", [[1, 1, 1]])
    url = api.settings.database_url.get_secret_value()
    assert IndexKeeper(url, api.settings.index_from_windows, 64, 0).run_once() == 0
