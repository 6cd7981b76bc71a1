"""`python -m bench ranking`: what a ranked page costs over libraries of growing size.

For each size: ingest by COPY, making the index, one page (limits 10 and 100) by the exact way, by the index and by
FAISS's HNSW on the same vectors, recall against the exact way, and `GET /match` over HTTP with 1 and 8 clients,
filtered and not. Figures go to a folder as JSON, Markdown and PNG.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy.orm import Session
from tests.embedded import Servers, embedded_servers

from bench.measure import timed
from bench.report import Line, Table, exponent, save_picture
from bench.settings import BenchSettings
from bench.system import gallery_faiss
from bench.system.libraries import MODEL, Library, fill, track_id
from bench.system.rows import Row, as_table, told
from bench.system.serving import serving
from matcher.db import Database
from matcher.embedding.index_keeper import IndexKeeper
from matcher.embedding.repository import ann_index
from matcher.embedding.repository.ann_index import has_index
from matcher.matches.filters import EVERYTHING, TrackFilters
from matcher.matches.repository.embeddings import MatchRepository
from matcher.matches.repository.ranking import Counts, Ranked, RankingRepository
from matcher.settings import MatcherSettings
from needledrop_local.interrupts import interruptible

SIZES = ((1_000, 5), (10_000, 10), (100_000, 4), (1_000_000, 1))
QUICK = ((1_000, 5), (10_000, 4))
TENTH = TrackFilters(tag=["tenth"])
CLIPS, FEW = 60, 25
LIMITS = (10, 100)
PAGES = (
    "`recall` against the exact way; `full`: the share of pages that the index gave, the others are made exactly; "
    "`cpu_ms`: processor time of the page's process and all of the database's, which says more than the clock where "
    "the machine has other work."
)


def run(settings: BenchSettings) -> tuple[Table, ...]:
    rows = told(_all_sizes(settings.quick))
    lines: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        if "p50_ms" in row:
            size = float(str(row["tracks"])) * float(str(row["windows"]))
            lines[f"{row['what']}, {row['of']}, {row['way']}"].append((size, float(str(row["p50_ms"]))))
    grown = {name: tuple(zip(*points, strict=True)) for name, points in lines.items() if len(points) > 1}
    pictures = [Line(name, x, y) for name, (x, y) in grown.items()]
    save_picture(settings.out / "ranking.png", pictures, "A page of a ranking", "windows", "ms, median", True)
    exponents: list[Row] = [{"page": name, "exponent": exponent(x, y)} for name, (x, y) in grown.items()]
    return (
        as_table("Ranking", [row for row in rows if "p50_ms" in row], PAGES),
        as_table("Ingest and indexes", [row for row in rows if "p50_ms" not in row]),
        as_table("Growth with the number of windows", exponents, "Median time ~ windows to this power."),
    )


def _all_sizes(quick: bool) -> Iterator[Row]:
    with (
        interruptible(),
        tempfile.TemporaryDirectory(prefix="needledrop-bench-") as folder,
        embedded_servers(Path(folder)) as servers,
    ):
        for tracks, windows in QUICK if quick else SIZES:
            yield from _measure(servers, tracks, windows, FEW if quick or tracks >= 1_000_000 else CLIPS)


def _measure(servers: Servers, tracks: int, windows: int, clips: int) -> Iterator[Row]:
    url = servers.fresh_database()
    database = Database(url)
    library = fill(database, tracks, windows, clips)
    size = {"tracks": tracks, "windows": windows}
    yield {**size, "what": "ingest by COPY", "rows_per_s": library.rows_per_s}
    started = time.perf_counter()
    assert IndexKeeper(url, from_windows=1, memory_mb=2048, workers=2).run_once() == 1
    yield {**size, "what": "index made", "seconds": time.perf_counter() - started}
    for row in _ways(database, library):
        yield {**size, **row}
    if tracks * windows < MatcherSettings().index_from_windows:
        # So small a library has none.
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            ann_index.drop(connection, ann_index.index_name(MODEL))
    with serving(url, servers.valkey.url) as address:
        for clients in (1, 8):
            for name, query in (("all", {}), ("a tenth", {"tag": "tenth"}), ("all, second page", {})):
                yield {**size, **_over_http(address, library, clients, name, query)}
    database.close()
    servers.execute(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")


def _ways(database: Database, library: Library) -> Iterator[Row]:
    """A page by each way, without HTTP."""
    mark = gallery_faiss.Gallery(library)
    yield {"what": "FAISS index made", "seconds": mark.built_s}
    for limit, (name, filters) in product(LIMITS, (("all", EVERYTHING), ("a tenth", TENTH))):
        with database.snapshot() as session:
            assert has_index(session, MODEL)
            exact, exact_times = _pages(session, library, filters, RankingRepository.exact, limit)
            near, times = _pages(session, library, filters, RankingRepository.by_index, limit)
        common = {"what": f"page of {limit}", "of": name}
        yield {**common, "way": "exact", **exact_times, "recall": 1.0}
        full = float(np.mean([len(page) == limit for page in near]))
        yield {**common, "way": "index", **times, "recall": _recall(exact, near), "full": full}
        if filters is EVERYTHING:
            found = mark.search(limit)
            pages = [[track_id(number) for number in page] for page in found.tracks]
            yield {**common, "way": "FAISS HNSW", **_times(found.times), "recall": _recall(exact, pages)}


def _pages(
    session: Session, library: Library, filters: TrackFilters, find: Callable[..., Any], limit: int
) -> tuple[list[list[Any]], dict[str, float]]:
    """The tracks of a page for each clip, and what a page took."""
    pages, times = [], []
    cpu_s = 0.0
    counts = None
    for clip in library.clips:
        vector = MatchRepository(session).clip_vector(clip, MODEL)
        ranking = RankingRepository(session, MODEL, vector, filters)
        counts = counts or ranking.counts()
        found: list[Ranked] = []
        cost = timed(partial(_look, found, find, ranking, counts, limit))
        times.append(cost.wall_s)
        cpu_s += cost.cpu_s
        pages.append([place.track.id for place in found])
        session.expunge_all()
    return pages, {**_times(np.array(times)), "cpu_ms": 1000 * cpu_s / len(pages)}


def _look(into: list[Ranked], find: Callable[..., Any], ranking: RankingRepository, counts: Counts, limit: int) -> None:
    into += find(ranking, counts, limit) or []


def _over_http(address: str, library: Library, clients: int, name: str, query: dict[str, str]) -> Row:
    paths = [f"/match/{clip}" for clip in library.clips]

    def ask(which: int) -> list[float]:
        times = []
        with httpx.Client(base_url=address, timeout=120) as client:
            for path in (paths * 2)[which::clients][: max(8, len(paths) // clients)]:
                params = dict(query)
                if name.endswith("second page"):
                    params["cursor"] = client.get(path, params=params).json()["next_cursor"]
                started = time.perf_counter()
                answer = client.get(path, params=params)
                times.append(time.perf_counter() - started)
                answer.raise_for_status()
        return times

    ask(0)
    with ThreadPoolExecutor(clients) as pool:
        times = np.concatenate(list(pool.map(ask, range(clients))))
    return {"what": "GET /match", "of": name, "way": f"HTTP, {clients} at once", **_times(times)}


def _times(times: np.ndarray) -> dict[str, float]:
    p50, p95 = np.percentile(times * 1000, [50, 95])
    return {"p50_ms": float(p50), "p95_ms": float(p95)}


def _recall(expected: list[list[Any]], found: list[list[Any]]) -> float | None:
    """Of the pages that were given; None where there was none."""
    shares = [len(set(a) & set(b)) / len(a) for a, b in zip(expected, found, strict=True) if b]
    return float(np.mean(shares)) if shares else None
