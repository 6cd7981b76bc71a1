"""A target of these tests' own, with fields that no domain has."""

from pydantic import Field

from matcher.context import Context
from matcher.uploads.fields import Text, UploadFields
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload
from matcher.uploads.targets import UploadTarget


class ReelFields(UploadFields):
    mood: Text = Field(default="", description="How it feels.")
    year: int | None = None


def add_reel(_: Context, __: Upload) -> Made:
    raise AssertionError("nothing is added here")


REEL = UploadTarget("reel", ReelFields, add_reel)
