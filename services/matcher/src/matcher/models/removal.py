"""Deleting a model with all that it has embedded."""

from http import HTTPStatus

from matcher.content.repository import may_remove
from matcher.db import Database
from matcher.errors import ApiError, not_found
from matcher.jobs.repository import JobRepository
from matcher.registry.model_jobs import ModelJob
from matcher.registry.repository import delete_model, find_model, lock_active_model
from matcher.tables import OPEN
from needledrop_storage.keys import model_key
from needledrop_storage.store import MediaStore


def remove(database: Database, store: MediaStore, model_id: str) -> None:
    """Delete the model, its embeddings and files; a training that runs ends.

    `ApiError`: `not_found`; with 409 `model_active` for the one that ranks or is about to, and `model_installed` for
    the bundle's, which would come back.
    """
    with database.begin() as session:
        lock_active_model(session, to_switch=True)
        model = find_model(session, model_id)
        if model is None:
            raise not_found("model")
        activation = JobRepository(session).of_model(model_id).get(ModelJob.ACTIVATE)
        if model.active or (activation and activation.state in OPEN):
            raise ApiError(HTTPStatus.CONFLICT, "model_active", "the model is in use: activate another first")
        if model.installed:
            raise ApiError(HTTPStatus.CONFLICT, "model_installed", "the model is the installed bundle's")
        delete_model(session, model_id)
    with database.begin() as session:
        if may_remove(session):
            for path in model.files or {}:
                store.delete(model_key(model_id, path))
