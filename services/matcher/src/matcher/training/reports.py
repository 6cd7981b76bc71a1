"""A trained model's report, as its training wrote it into the media store."""

from http import HTTPStatus
from typing import Literal

from matcher.context import Context
from matcher.errors import ApiError, not_found
from matcher.registry.repository import find_model
from needledrop_storage.keys import model_key

ReportFile = Literal["report.json", "report.md", "recall.png", "similarity.png"]
MEDIA_TYPES: dict[ReportFile, str] = {
    "report.json": "application/json",
    "report.md": "text/markdown; charset=utf-8",
    "recall.png": "image/png",
    "similarity.png": "image/png",
}


def read_report(context: Context, model_id: str, name: ReportFile) -> bytes:
    """One file of the report. `ApiError`: `not_found`, or `no_report` (404) where the model has none of that name."""
    with context.database.begin() as session:
        model = find_model(session, model_id)
    if model is None:
        raise not_found("model")
    if name not in (model.files or {}):
        raise ApiError(HTTPStatus.NOT_FOUND, "no_report", "the model was not trained here, or not yet")
    return context.store.get_bytes(model_key(model_id, name))
