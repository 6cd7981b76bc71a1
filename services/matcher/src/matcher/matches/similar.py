"""`/audio/{id}/similar`: the tracks that a metric places near another."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request

from matcher.access.scopes import Scope, needs
from matcher.assets.endpoints import Limit
from matcher.assets.repository import AssetRepository
from matcher.context import Context, context_of
from matcher.errors import ApiError, Problem, not_found
from matcher.library.endpoints import TRACK
from matcher.matches.endpoints import MaxDuration, MinDuration, Tags, filters_of
from matcher.matches.filters import TrackFilters
from matcher.matches.pages import rank_page
from matcher.matches.repository import MatchRepository
from matcher.matches.schemas import Similar
from matcher.matches.service import describe_model, results_of
from matcher.registry.repository import active_model

router = APIRouter(prefix="/audio", tags=["library"])


@router.get("/{track_id}/similar", responses={404: {"model": Problem}, 409: {"model": Problem}})
@needs(Scope.READ)
def get_similar(
    request: Request,
    track_id: UUID,
    limit: Limit = 20,
    tag: Tags = None,
    min_duration: MinDuration = None,
    max_duration: MaxDuration = None,
) -> Similar:
    """The other tracks by the distance of their nearest window to the mean of this one's."""
    return similar(context_of(request), track_id, filters_of(tag, min_duration, max_duration), limit)


def similar(context: Context, track_id: UUID, filters: TrackFilters, limit: int) -> Similar:
    """`ApiError`: `not_found`, `track_not_ready` where the model in use has not embedded the track."""
    with context.database.snapshot() as session:
        model = active_model(session)
        if AssetRepository(session, TRACK.table, TRACK.job_column).get(track_id, TRACK.space(model)) is None:
            raise not_found(TRACK.label)
        vector = MatchRepository(session).track_vector(track_id, model.id) if model else None
        if model is None or vector is None:
            raise ApiError(HTTPStatus.CONFLICT, "track_not_ready", "the track is not embedded yet")
        # One more than asked for: the track itself may be among them.
        page = rank_page(session, context.totals, model.id, vector, filters, limit + 1)
        results = results_of(page, {})
    others = [result for result in results if result.audio.id != track_id][:limit]
    return Similar(
        audio_id=track_id,
        model=describe_model(model),
        results=[result.model_copy(update={"rank": rank}) for rank, result in enumerate(others, 1)],
    )
