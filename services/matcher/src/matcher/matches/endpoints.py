"""`/match`: the ranked audio for a clip."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from matcher.access.scopes import Scope, needs
from matcher.assets.endpoints import Limit
from matcher.context import context_of
from matcher.errors import Problem
from matcher.library.tags import MAX_TAGS, normal_tags
from matcher.matches.filters import TrackFilters
from matcher.matches.schemas import Pending, Ranking
from matcher.matches.service import match

router = APIRouter(prefix="/match", tags=["match"])
# Longer than other lists': it may hold a page's tracks.
Cursor = Annotated[str | None, Query(max_length=4000, description="`next_cursor` of the page before.")]
Tags = Annotated[list[str] | None, Query(max_length=MAX_TAGS, description="Only tracks with this tag; repeated: all.")]
MinDuration = Annotated[float | None, Query(ge=0, description="Only tracks at least so long, in seconds.")]
MaxDuration = Annotated[float | None, Query(ge=0, description="Only tracks at most so long, in seconds.")]


@router.get(
    "/{clip_id}",
    response_model=Ranking,
    responses={202: {"model": Pending}, 404: {"model": Problem}, 409: {"model": Problem}, 422: {"model": Problem}},
)
@needs(Scope.READ)
def get_match(
    request: Request,
    response: Response,
    clip_id: UUID,
    limit: Limit = 50,
    cursor: Cursor = None,
    tag: Tags = None,
    min_duration: MinDuration = None,
    max_duration: MaxDuration = None,
) -> Ranking | Response:
    """202 with stage and progress until the clip is ready, then 200 with the ranked tracks.

    A ranking is wholly one model's: a cursor goes on in that of the page before, even where another model has been put
    into use, and is answered with 409 once that one is gone. Give a page's filters again with its cursor.
    A clip that can't be used: 422 and its failure's code.
    """
    context = context_of(request)
    filters = filters_of(tag, min_duration, max_duration)
    answer = match(context.database, context.totals, clip_id, filters, limit, cursor)
    if isinstance(answer, Ranking):
        response.headers["Cache-Control"] = "no-store"
        return answer
    headers = {"Retry-After": "1", "Cache-Control": "no-store"}
    return Response(answer.model_dump_json(), HTTPStatus.ACCEPTED, headers, media_type="application/json")


def filters_of(tags: list[str] | None, min_duration: float | None, max_duration: float | None) -> TrackFilters:
    return TrackFilters(frozenset(normal_tags(tags or [])), min_duration, max_duration)
