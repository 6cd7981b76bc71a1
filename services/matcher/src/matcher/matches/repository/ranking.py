"""The SQL of rankings: a track stands where its nearest window stands, ties by id.

Two ways lead to the same order. The exact one computes every distance and keeps the nearest windows in a heap. On a
large library the model's index proposes tracks, whose distances are then computed exactly; see docs/adr/0026.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import ColumnElement, Select, Subquery, func, literal, select, tablesample, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from matcher.matches.filters import EVERYTHING, TrackFilters
from matcher.tables import Embedding, Track

SPARE = 2
"""How many windows to look at for each that is needed where a ranking's are spread evenly over its tracks."""
EF_SEARCH = 1000
"""Candidates that the walk holds; pgvector's limit. With few it is often led astray."""
SCAN_MOST = 40_000
"""Windows that the index may visit for one page; a page that it can't fill then is made exactly."""
SAMPLE = 10_000
"""About how many windows a page that the index proposed is held against."""
CONDITIONS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "tag": Track.tags.contains,
    "min_duration": lambda seconds: Track.duration_s >= seconds,
    "max_duration": lambda seconds: Track.duration_s <= seconds,
}
"""What each of the `TrackFilters` asks of a track."""
_PLAN = ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
"""What the planner must not take in place of walking through the index."""


@dataclass(frozen=True)
class Counts:
    """How many tracks a ranking holds, and how many windows these have."""

    tracks: int
    windows: int


@dataclass(frozen=True)
class Ranked:
    distance: float
    start_s: float
    track: Track


class RankingRepository:
    """One model's ranking by the distance from `vector`, narrowed by `filters`."""

    def __init__(self, session: Session, model_id: str, vector: Any, filters: TrackFilters) -> None:
        self._session = session
        self.model_id = model_id
        self._vector = vector
        self.filters = filters

    def unfiltered(self) -> "RankingRepository":
        return RankingRepository(self._session, self.model_id, self._vector, EVERYTHING)

    def counts(self) -> Counts:
        windows = self._windows(func.count().filter(Embedding.window == 0), func.count())
        return Counts(*self._session.execute(windows).one())

    def exact(
        self, counts: Counts, limit: int, place: tuple[float, UUID] | None = None, before: int = 0
    ) -> list[Ranked]:
        """The first `limit` tracks after a place, of all. `before`: about how many come before it.

        Looks at ever more of the nearest windows, until they hold as many tracks as are wanted.
        """
        look = look_at(counts, before + limit)
        while True:
            everything = look >= counts.windows
            found = self._ranked(self._nearest(None if everything else look), limit, place)
            if everything or len(found) == limit:
                return found
            look *= 4

    def by_index(self, counts: Counts, limit: int) -> list[Ranked] | None:
        """The first `limit` tracks among those that the model's index proposes.

        None where it can't fill the page, or was led astray: where windows are close together, the walk may end among
        the wrong ones and never see a near one.
        """
        look = look_at(counts, limit)
        self._walk_index()
        track_ids = self._session.scalars(self._proposed(look, SPARE * limit)).all()
        self._plan_freely()
        if len(track_ids) < limit:
            return None
        page = self._ranked(self._nearest(None, Embedding.track_id.in_(track_ids)), limit)
        return None if self._is_astray(page, counts) else page

    def _is_astray(self, page: list[Ranked], counts: Counts) -> bool:
        """Whether some of all windows show a track that should be on the page."""
        share = func.system(min(100.0, 100 * SAMPLE / counts.windows))
        some = aliased(Embedding, tablesample(Embedding, share, name="some"))
        missed = self._windows(some.track_id, of=some).where(
            self._distance(of=some) < page[-1].distance, some.track_id.not_in([place.track.id for place in page])
        )
        return self._session.scalar(select(missed.exists())) is True

    def rank(self, track_id: UUID) -> int | None:
        """The track's place in the ranking, None where it has none."""
        distance = self._distance()
        own = self._session.scalar(self._windows(func.min(distance)).where(Embedding.track_id == track_id))
        if own is None:
            return None
        ahead = self._windows(func.count(Embedding.track_id.distinct()))
        ahead = ahead.where(tuple_(distance, Embedding.track_id) < (own, track_id), Embedding.track_id != track_id)
        return 1 + (self._session.scalar(ahead) or 0)

    def _ranked(self, near: Subquery, limit: int, place: tuple[float, UUID] | None = None) -> list[Ranked]:
        """Each track of these windows at its nearest."""
        best = (
            select(near)
            .ext(distinct_on(near.c.track_id))
            .order_by(near.c.track_id, near.c.distance, near.c.start_s)
            .subquery()
        )
        query = select(best, Track).join(Track, Track.id == best.c.track_id)
        if place:
            query = query.where(tuple_(best.c.distance, best.c.track_id) > place)
        rows = self._session.execute(query.order_by(best.c.distance, best.c.track_id).limit(limit))
        return [Ranked(distance=row.distance, start_s=row.start_s, track=row.Track) for row in rows]

    def _nearest(self, look: int | None, *conditions: ColumnElement[bool]) -> Subquery:
        distance = self._distance().label("distance")
        query = self._windows(Embedding.track_id, Embedding.start_s, distance).where(*conditions)
        if look is not None:
            query = query.order_by(distance, Embedding.track_id, Embedding.start_s).limit(look)
        return query.subquery()

    def _proposed(self, look: int, limit: int) -> Select[UUID]:
        # The index is on an expression of fixed dimension; without that cast a query never uses it.
        distance = self._distance(len(self._vector)).label("distance")
        near = self._windows(Embedding.track_id, distance).order_by(distance).limit(look).subquery()
        return select(near.c.track_id).group_by(near.c.track_id).order_by(func.min(near.c.distance)).limit(limit)

    def _windows(self, *columns: Any, of: type[Embedding] = Embedding) -> Select[Any]:
        # The id as a literal: the planner has to see that a model's partial index covers it.
        model_id = literal(self.model_id, literal_execute=True)
        query = select(*columns).where(of.model_id == model_id, of.track_id.is_not(None))
        if self.filters:
            query = query.join(Track, Track.id == of.track_id).where(*_conditions(self.filters))
        return query

    def _distance(self, dim: int | None = None, of: type[Embedding] = Embedding) -> ColumnElement[float]:
        distance: ColumnElement[float] = of.vector.cast(HALFVEC(dim)).l2_distance(self._vector)
        return distance

    def _walk_index(self) -> None:
        settings = {
            "hnsw.ef_search": str(EF_SEARCH),
            # In strict order it leaves out what it finds late; the exact distances put all in order anyway.
            "hnsw.iterative_scan": "relaxed_order",
            "hnsw.max_scan_tuples": str(SCAN_MOST),
            **{f"enable_{name}": "off" for name in _PLAN},
        }
        self._set(settings)

    def _plan_freely(self) -> None:
        self._set({f"enable_{name}": "on" for name in _PLAN})

    def _set(self, settings: dict[str, str]) -> None:
        """Until the transaction ends."""
        self._session.execute(select(*(func.set_config(name, value, True) for name, value in settings.items())))


def _conditions(filters: TrackFilters) -> list[ColumnElement[bool]]:
    return [CONDITIONS[name](value) for name, value in filters.filters if value is not None]


def look_at(counts: Counts, tracks: int) -> int:
    """How many of the nearest windows are likely to hold so many tracks."""
    return 1 + SPARE * tracks * -(-counts.windows // max(1, counts.tracks))
