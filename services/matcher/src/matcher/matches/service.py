"""A clip's ranking, or how far it is."""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from matcher import cursors
from matcher.assets.repository import AssetRepository
from matcher.assets.schemas import Status
from matcher.assets.service import state_of
from matcher.clips.service import CLIP
from matcher.db import Database, Session
from matcher.errors import ApiError, not_found
from matcher.matches.alignment import best_offset
from matcher.matches.count_cache import CountCache
from matcher.matches.cursor import RankKey
from matcher.matches.filters import TrackFilters
from matcher.matches.pages import Page, rank_page
from matcher.matches.repository.embeddings import MatchRepository
from matcher.matches.repository.ranking import Ranked
from matcher.matches.schemas import MatchedTrack, ModelOut, Pending, Ranking, Result
from matcher.registry.repository import active_model, find_model
from matcher.tables import Model


def match(
    database: Database, cache: CountCache, clip_id: UUID, filters: TrackFilters, limit: int, cursor: str | None
) -> Ranking | Pending:
    """The ranking of every ready track that passes the filters, or how far the clip is.

    An answer is wholly one model's: the active one's, or where a cursor is given, that of the page before.
    `ApiError`: `not_found`, `cursor_invalid`, `cursor_expired`, or the code of the clip's failure (422).
    """
    after = cursors.decode(RankKey, cursor)
    with database.snapshot() as session:
        active = active_model(session)
        found = AssetRepository(session, CLIP.table, CLIP.job_column).get(clip_id, CLIP.space(active))
        if found is None:
            raise not_found("clip")
        state = state_of(found[1])
        if state.error:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, state.error.code, state.error.detail)
        model = find_model(session, after.model) if after else active
        vector = MatchRepository(session).clip_vector(clip_id, model.id) if model else None
        if after and vector is None:
            raise ApiError(
                HTTPStatus.CONFLICT, "cursor_expired", "the model of this cursor's ranking is gone: begin anew"
            )
        if model is None or vector is None:
            waiting = "queued" if state.status is Status.QUEUED else "processing"
            return Pending(clip_id=clip_id, status=waiting, stage=state.stage, progress=state.progress)
        page = rank_page(session, cache, model.id, vector, filters, limit, after)
        starts = _starts(session, clip_id, model.id, page.places)
    return Ranking(
        clip_id=clip_id,
        model=describe_model(model),
        total=page.total,
        results=results_of(page, starts),
        next_cursor=cursors.encode(page.after) if page.after else None,
    )


def describe_model(model: Model) -> ModelOut:
    return ModelOut(id=model.id, kind=model.kind, bundle=model.bundle, untrained_backbones=model.untrained_backbones)


def results_of(page: Page, starts: dict[UUID, float]) -> list[Result]:
    """The page's places as they are told, beginning where `starts` says, else with their nearest windows."""
    return [
        _result(page.first_rank + index, place, starts.get(place.track.id, place.start_s))
        for index, place in enumerate(page.places)
    ]


def _starts(session: Session, clip_id: UUID, model_id: str, places: Sequence[Ranked]) -> dict[UUID, float]:
    """Where in each track the clip fits best, in seconds, by the embeddings second by second, where there are any."""
    matches = MatchRepository(session)
    clip = matches.clip_steps(clip_id, model_id)
    if clip is None:
        return {}
    tracks = matches.track_steps([place.track.id for place in places], model_id)
    return {track_id: float(best_offset(clip, track)) for track_id, track in tracks}


def _result(rank: int, place: Ranked, start_s: float) -> Result:
    track = place.track
    return Result(
        rank=rank,
        score=1 / (1 + place.distance),
        distance=place.distance,
        start_s=start_s,
        audio=MatchedTrack(
            id=track.id,
            title=track.display_title,
            artist=track.artist,
            duration_s=track.duration_s,
            tags=track.tags,
            url=f"/audio/{track.id}/file",
        ),
    )
