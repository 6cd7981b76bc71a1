"""Remembering which track was taken for a clip."""

from http import HTTPStatus
from uuid import UUID

from matcher.choices.repository import ChoiceRepository
from matcher.choices.schemas import ChoiceIn, ChoiceList, ChoiceOut
from matcher.db import Database
from matcher.errors import ApiError, not_found
from matcher.matches.filters import EVERYTHING
from matcher.matches.repository.embeddings import MatchRepository
from matcher.matches.repository.ranking import RankingRepository
from matcher.registry.repository import active_model
from matcher.tables import Choice


def choose(database: Database, clip_id: UUID, chosen: ChoiceIn) -> ChoiceOut:
    """Keep the choice; the same track again replaces where it starts.

    `ApiError`: `not_found` for the clip or the track, `start_outside` where the track is shorter than `start_s`.
    """
    with database.begin() as session:
        choices = ChoiceRepository(session)
        if not choices.clip_exists(clip_id):
            raise not_found("clip")
        track = choices.track(chosen.audio_id)
        if track is None:
            raise not_found("track")
        if track.duration_s is not None and chosen.start_s >= track.duration_s:
            raise ApiError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "start_outside",
                f"start_s lies after the track's end, {track.duration_s:g} s",
            )
        model = active_model(session)
        vector = MatchRepository(session).clip_vector(clip_id, model.id) if model else None
        ranked = RankingRepository(session, model.id, vector, EVERYTHING) if model and vector is not None else None
        rank = ranked.rank(track.id) if ranked else None
        choice = Choice(
            clip_id=clip_id,
            track_id=track.id,
            start_s=chosen.start_s,
            model_id=model.id if model else None,
            rank=rank,
        )
        return _describe(choices.put(choice))


def choices_of(database: Database, clip_id: UUID) -> ChoiceList:
    """The clip's choices, newest first; `ApiError(not_found)`."""
    with database.begin() as session:
        choices = ChoiceRepository(session)
        if not choices.clip_exists(clip_id):
            raise not_found("clip")
        return ChoiceList(items=[_describe(choice) for choice in choices.of_clip(clip_id)])


def _describe(choice: Choice) -> ChoiceOut:
    return ChoiceOut(
        id=choice.id,
        clip_id=choice.clip_id,
        audio_id=choice.track_id,
        start_s=choice.start_s,
        model=choice.model_id,
        rank=choice.rank,
        created_at=choice.created_at,
    )
