"""The fields that may come with a file: declared as a model, filled from a form, a query or tus metadata."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from matcher.errors import ApiError

MAX_TEXT = 500


class UploadFields(BaseModel):
    """The base of such models: each field's name is that of the form field, and of the column that keeps it."""

    model_config = ConfigDict(frozen=True)


def clean_text(value: str) -> str:
    """A user's text without control characters, cut to `MAX_TEXT`."""
    return "".join(char for char in value if char.isprintable()).strip()[:MAX_TEXT]


Text = Annotated[str, BeforeValidator(clean_text), Field(max_length=MAX_TEXT)]
"""A text that is cleaned and cut rather than refused."""


def pick_fields(fields: type[UploadFields], given: Mapping[str, str]) -> dict[str, str]:
    """Those of the given texts that are fields, as they came; `ApiError(request_invalid)` if one can't be read."""
    picked = {name: given[name] for name in fields.model_fields if name in given}
    try:
        fields.model_validate(picked)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "request_invalid", f"{where}: {first['msg']}") from error
    return picked
