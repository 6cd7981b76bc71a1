"""`/match/{clip_id}/choices`: which track was taken."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from matcher.access.scopes import Scope, needs
from matcher.choices.schemas import ChoiceIn, ChoiceList, ChoiceOut
from matcher.choices.service import choices_of, choose
from matcher.context import context_of
from matcher.db import Database
from matcher.errors import Problem
from matcher.uploads.idempotency.keys import IDEMPOTENCY_KEY
from matcher.uploads.idempotency.service import Made, answer, fingerprint

router = APIRouter(
    prefix="/match/{clip_id}/choices", tags=["match"], responses={404: {"model": Problem}, 422: {"model": Problem}}
)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses={400: {"model": Problem}, 409: {"model": Problem}},
    response_model=ChoiceOut,
    openapi_extra=IDEMPOTENCY_KEY,
)
@needs(Scope.WRITE)
def add_choice(request: Request, clip_id: UUID, choice: ChoiceIn) -> Response:
    """Say which track was taken for the clip, and from where on. Kept as training data.

    The same track again replaces where it starts.
    """

    def make(database: Database) -> Made:
        return Made(choose(database, clip_id, choice), status=HTTPStatus.CREATED)

    return answer(request, fingerprint(choice), make)


@router.get("")
@needs(Scope.READ)
def list_choices(request: Request, clip_id: UUID) -> ChoiceList:
    """The tracks that were taken for the clip, newest first."""
    return choices_of(context_of(request).database, clip_id)
