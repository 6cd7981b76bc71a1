"""`/models`: list, activate, delete. A trained metric is a model here; `training` has how one is made."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from matcher.access.scopes import Scope, needs
from matcher.context import context_of
from matcher.errors import Problem
from matcher.models import activation
from matcher.models.queries import get_model, list_models
from matcher.models.removal import remove
from matcher.models.schemas import ActivationIn, ModelDetail, ModelList

CONFLICT: dict[int | str, dict[str, object]] = {409: {"model": Problem}}
router = APIRouter(prefix="/models", tags=["models"], responses={404: {"model": Problem}, 422: {"model": Problem}})


@router.get("")
@needs(Scope.READ)
def get_models(request: Request) -> ModelList:
    """Every model, newest first, with how much of the library it has embedded."""
    return list_models(context_of(request).database)


@router.get("/{model_id}")
@needs(Scope.READ)
def get_one_model(request: Request, model_id: str) -> ModelDetail:
    """One model: its state, progress, coverage and what its training says of itself."""
    return get_model(context_of(request).database, model_id)


@router.post("/{model_id}/activate", responses={202: {"model": ModelDetail}, **CONFLICT})
@needs(Scope.ADMIN)
def activate_model(
    request: Request, response: Response, model_id: str, wanted: ActivationIn | None = None
) -> ModelDetail:
    """Put a model into use: 200 where it is from now on, 202 where it first embeds the library in the background.

    Until it has, every ranking is the old one's. Activating the one before again undoes it, at once where its
    embeddings are whole.
    """
    database = context_of(request).database
    done = activation.activate(database, model_id, wanted.reextract if wanted else False)
    response.status_code = HTTPStatus.OK if done else HTTPStatus.ACCEPTED
    return get_model(database, model_id)


@router.delete("/{model_id}/activation", status_code=HTTPStatus.NO_CONTENT)
@needs(Scope.ADMIN)
def cancel_activation(request: Request, model_id: str) -> None:
    """Call off an activation that is under way."""
    activation.cancel(context_of(request).database, model_id)


@router.delete("/{model_id}", status_code=HTTPStatus.NO_CONTENT, responses=CONFLICT)
@needs(Scope.ADMIN)
def delete_model(request: Request, model_id: str) -> None:
    """Delete a model, what it has embedded, and its report; 409 for the one in use."""
    context = context_of(request)
    remove(context.database, context.store, model_id)
