"""The tracks that a metric places near another."""

from http import HTTPStatus
from uuid import UUID

from matcher.assets.repository import AssetRepository
from matcher.db import Database
from matcher.errors import ApiError, not_found
from matcher.library.service import TRACK
from matcher.matches.count_cache import CountCache
from matcher.matches.filters import TrackFilters
from matcher.matches.pages import rank_page
from matcher.matches.repository.embeddings import MatchRepository
from matcher.matches.schemas import Similar
from matcher.matches.service import describe_model, results_of
from matcher.registry.repository import active_model


def similar(database: Database, cache: CountCache, track_id: UUID, filters: TrackFilters, limit: int) -> Similar:
    """The other tracks, by the distance of their nearest window to the mean of this one's.

    `ApiError`: `not_found`, `track_not_ready` where the model in use has not embedded the track.
    """
    with database.snapshot() as session:
        model = active_model(session)
        if AssetRepository(session, TRACK.table, TRACK.job_column).get(track_id, TRACK.space(model)) is None:
            raise not_found(TRACK.label)
        vector = MatchRepository(session).track_vector(track_id, model.id) if model else None
        if model is None or vector is None:
            raise ApiError(HTTPStatus.CONFLICT, "track_not_ready", "the track is not embedded yet")
        # One more than asked for: the track itself may be among them.
        page = rank_page(session, cache, model.id, vector, filters, limit + 1)
        results = results_of(page, {})
    others = [result for result in results if result.audio.id != track_id][:limit]
    return Similar(
        audio_id=track_id,
        model=describe_model(model),
        results=[result.model_copy(update={"rank": rank}) for rank, result in enumerate(others, 1)],
    )
