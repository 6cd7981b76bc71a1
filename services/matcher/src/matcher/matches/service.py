"""A clip's ranking, or how far it is."""

from http import HTTPStatus
from uuid import UUID

from matcher import cursors
from matcher.assets.repository import AssetRepository
from matcher.assets.schemas import Status
from matcher.assets.service import state_of
from matcher.clips.endpoints import CLIP
from matcher.db import Database
from matcher.errors import ApiError, not_found
from matcher.matches.repository import MatchRepository, Ranked, RankKey
from matcher.matches.schemas import MatchedTrack, ModelOut, Pending, Ranking, Result
from matcher.models.repository import active_model
from matcher.models.tables import Model


def match(database: Database, clip_id: UUID, limit: int, cursor: str | None) -> Ranking | Pending:
    """The ranking of every ready track for the clip, or how far the clip is.

    `ApiError`: `not_found`, `cursor_invalid`, or the code of the clip's failure (422).
    """
    after = cursors.decode(RankKey, cursor)
    with database.begin() as session:
        model = active_model(session)
        found = AssetRepository(session, CLIP.table, CLIP.job_column).get(clip_id, CLIP.space(model))
        if found is None:
            raise not_found("clip")
        state = state_of(found[1])
        if state.error:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, state.error.code, state.error.detail)
        matches = MatchRepository(session)
        vector = matches.clip_vector(clip_id, model.id) if model else None
        if model is None or vector is None:
            waiting = "queued" if state.status is Status.QUEUED else "processing"
            return Pending(clip_id=clip_id, status=waiting, stage=state.stage, progress=state.progress)
        places, total = matches.ranking(model.id, vector, limit + 1, after)
    more = len(places) > limit
    places = places[:limit]
    key = RankKey(distance=places[-1].distance, track_id=places[-1].track.id) if more else None
    return Ranking(
        clip_id=clip_id,
        model=describe_model(model),
        total=total,
        results=[_result(place) for place in places],
        next_cursor=cursors.encode(key) if key else None,
    )


def describe_model(model: Model) -> ModelOut:
    return ModelOut(id=model.id, kind=model.kind, bundle=model.bundle, untrained_backbones=model.untrained_backbones)


def _result(place: Ranked) -> Result:
    track = place.track
    return Result(
        rank=place.rank,
        score=1 / (1 + place.distance),
        distance=place.distance,
        start_s=place.start_s,
        audio=MatchedTrack(
            id=track.id,
            title=track.display_title,
            artist=track.artist,
            duration_s=track.duration_s,
            url=f"/audio/{track.id}/file",
        ),
    )
