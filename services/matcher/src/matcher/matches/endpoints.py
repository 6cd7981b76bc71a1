"""`/match` and `/audio/{id}/similar`: the ranked audio for a clip, and the tracks near another."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from matcher.access.scopes import Scope, needs
from matcher.context import context_of
from matcher.errors import Problem
from matcher.matches.count_cache import count_cache_of
from matcher.matches.filters import TrackFilters
from matcher.matches.schemas import Pending, Ranking, Similar
from matcher.matches.service import match
from matcher.matches.similar import similar
from matcher.paging import Limit

router = APIRouter()


class RankingQuery(TrackFilters):
    """`cursor` is longer than other lists': it may hold a page's tracks."""

    limit: Limit = 50
    cursor: str | None = Field(default=None, max_length=4000, description="`next_cursor` of the page before.")


class SimilarQuery(TrackFilters):
    limit: Limit = 20


@router.get(
    "/match/{clip_id}",
    tags=["match"],
    response_model=Ranking,
    responses={202: {"model": Pending}, 404: {"model": Problem}, 409: {"model": Problem}, 422: {"model": Problem}},
)
@needs(Scope.READ)
def get_match(
    request: Request, response: Response, clip_id: UUID, query: Annotated[RankingQuery, Query()]
) -> Ranking | Response:
    """202 with stage and progress until the clip is ready, then 200 with the ranked tracks.

    A ranking is wholly one model's: a cursor goes on in that of the page before, even where another model has been put
    into use, and is answered with 409 once that one is gone. Give a page's filters again with its cursor.
    A clip that can't be used: 422 and its failure's code.
    """
    database, cache = context_of(request).database, count_cache_of(request)
    answer = match(database, cache, clip_id, query.filters, query.limit, query.cursor)
    if isinstance(answer, Ranking):
        response.headers["Cache-Control"] = "no-store"
        return answer
    headers = {"Retry-After": "1", "Cache-Control": "no-store"}
    return Response(answer.model_dump_json(), HTTPStatus.ACCEPTED, headers, media_type="application/json")


@router.get("/audio/{track_id}/similar", tags=["library"], responses={404: {"model": Problem}, 409: {"model": Problem}})
@needs(Scope.READ)
def get_similar(request: Request, track_id: UUID, query: Annotated[SimilarQuery, Query()]) -> Similar:
    """The other tracks by the distance of their nearest window to the mean of this one's."""
    database, cache = context_of(request).database, count_cache_of(request)
    return similar(database, cache, track_id, query.filters, query.limit)
