"""`/match`: the ranked audio for a clip."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher.access.scopes import Scope, needs
from matcher.assets.endpoints import Cursor, Limit
from matcher.context import context_of
from matcher.errors import Problem
from matcher.matches.schemas import Pending, Ranking
from matcher.matches.service import match

router = APIRouter(prefix="/match", tags=["match"])


@router.get(
    "/{clip_id}",
    response_model=Ranking,
    responses={202: {"model": Pending}, 404: {"model": Problem}, 409: {"model": Problem}, 422: {"model": Problem}},
)
@needs(Scope.READ)
def get_match(
    request: Request, response: Response, clip_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> Ranking | Response:
    """202 with stage and progress until the clip is ready, then 200 with the ranked tracks.

    A ranking is wholly one model's: a cursor goes on in that of the page before, even where another model has been put
    into use, and is answered with 409 once that one is gone. A clip that can't be used: 422 and its failure's code.
    """
    answer = match(context_of(request).database, clip_id, limit, cursor)
    if isinstance(answer, Ranking):
        response.headers["Cache-Control"] = "no-store"
        return answer
    headers = {"Retry-After": "1", "Cache-Control": "no-store"}
    return Response(answer.model_dump_json(), HTTPStatus.ACCEPTED, headers, media_type="application/json")
