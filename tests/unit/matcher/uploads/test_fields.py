import pytest

from matcher.errors import ApiError
from matcher.uploads.fields import MAX_TEXT, pick_fields
from matcher.uploads.routes import upload_body
from tests.unit.matcher.uploads.declared import ReelFields


def test_declared_fields_are_picked_as_they_came() -> None:
    assert pick_fields(ReelFields, {"mood": " dark\n", "title": "T"}) == {"mood": " dark\n"}


@pytest.mark.parametrize(
    ("text", "kept"), [(" dark\x00\n ", "dark"), ("é" * (MAX_TEXT + 1), "é" * MAX_TEXT), ("\r\n", "")]
)
def test_a_text_is_cleaned_and_cut_rather_than_refused(text: str, kept: str) -> None:
    assert ReelFields(mood=text).mood == kept


def test_a_field_that_cannot_be_read_is_refused_with_its_name() -> None:
    with pytest.raises(ApiError) as refused:
        pick_fields(ReelFields, {"year": "soon"})
    assert (refused.value.status, refused.value.code) == (422, "request_invalid")
    assert refused.value.detail.startswith("year: ")


def test_the_document_lists_the_declared_fields_beside_the_file() -> None:
    form = upload_body(ReelFields)["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert list(form["properties"]) == ["file", "mood", "year"]
    assert form["properties"]["mood"] == {"type": "string", "maxLength": MAX_TEXT, "description": "How it feels."}
    assert form["required"] == ["file"]
