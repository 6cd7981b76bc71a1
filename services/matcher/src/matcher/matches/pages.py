"""A page of a ranking: which way it is found, and where the next one begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matcher.db import Session
from matcher.embedding.repository.ann_index import has_index
from matcher.matches.count_cache import CountCache
from matcher.matches.cursor import RankKey, Shown
from matcher.matches.filters import EVERYTHING, TrackFilters
from matcher.matches.repository.ranking import Counts, Ranked, RankingRepository, look_at

INDEX_LIMIT = 100
"""Longer pages are made exactly: their cursor would have to hold too many tracks."""
FILTERED_VISITS_MOST = 500
"""Where a filter makes the index visit more windows than this for a page, the page is made exactly: pgvector looks at a
thousand at once, and what lies near the end of these it often misses."""


@dataclass(frozen=True)
class Page:
    """`first_rank`: the rank of the first place. `total`: how many there are in all. `after`: None on the last page."""

    first_rank: int
    total: int
    places: Sequence[Ranked]
    after: RankKey | None


def rank_page(
    session: Session,
    cache: CountCache,
    model_id: str,
    vector: Any,
    filters: TrackFilters,
    limit: int,
    after: RankKey | None = None,
) -> Page:
    """Up to `limit` tracks of the model's ranking by the distance from `vector`, after a place in it."""
    ranking = RankingRepository(session, model_id, vector, filters)
    counts = cache.get((model_id, filters), ranking.counts)
    if after:
        return _further(ranking, counts, limit, after)
    if limit <= INDEX_LIMIT and has_index(session, model_id) and _broad(ranking, cache, counts, limit + 1):
        places = ranking.by_index(counts, limit + 1)
        if places is not None:
            return _page(model_id, counts, limit, places, from_index=True)
    return _page(model_id, counts, limit, ranking.exact(counts, limit + 1))


def _broad(ranking: RankingRepository, cache: CountCache, counts: Counts, limit: int) -> bool:
    if not ranking.filters:
        return True
    whole = ranking.unfiltered()
    share = counts.tracks / max(1, cache.get((ranking.model_id, EVERYTHING), whole.counts).tracks)
    return look_at(counts, limit) <= share * FILTERED_VISITS_MOST


def _further(ranking: RankingRepository, counts: Counts, limit: int, after: RankKey) -> Page:
    """A page after another is exact."""
    shown = after.shown
    more = limit + 1 + (len(shown) if shown else 0)
    places = ranking.exact(counts, more, after.place, after.rank)
    if shown:
        places = [place for place in places if not shown.has(place.track.id)]
    return _page(after.model, counts, limit, places[: limit + 1], after)


def _page(
    model_id: str,
    counts: Counts,
    limit: int,
    places: Sequence[Ranked],
    before: RankKey | None = None,
    *,
    from_index: bool = False,
) -> Page:
    first = before.rank + 1 if before else 1
    if len(places) <= limit:
        # The count may be a minute old; the last page knows better.
        total = first - 1 + len(places)
        return Page(first, total if places else max(total, counts.tracks), places, None)
    places = places[:limit]
    last = places[-1]
    rank = first - 1 + limit
    if from_index:
        key = RankKey(model=model_id, rank=rank, shown=Shown.of([one.track.id for one in places], last.distance))
    else:
        shown = before.shown if before and before.shown and last.distance <= before.shown.until else None
        key = RankKey(model=model_id, rank=rank, place=(last.distance, last.track.id), shown=shown)
    return Page(first, max(counts.tracks, rank + 1), places, key)
