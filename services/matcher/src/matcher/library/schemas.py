from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from matcher.assets.schemas import AssetFields, AssetOut
from matcher.library.tags import MAX_LENGTH, MAX_TAGS, normal_tags
from matcher.paging import Page
from matcher.uploads.fields import MAX_TEXT, clean_text

ChangedText = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(clean_text)]
ChangedTags = Annotated[
    list[Annotated[str, Field(max_length=MAX_LENGTH)]], Field(max_length=MAX_TAGS), AfterValidator(normal_tags)
]


class TrackFields(AssetFields):
    """What may come with an uploaded track."""


class TrackOut(AssetOut):
    """Audio in the library. `tags`: the user's own, case folded and sorted."""

    tags: list[str]


class TrackPage(Page):
    items: list[TrackOut]


class TrackChange(BaseModel):
    """What to change of a track; what is left out, or null, stays. An empty title is the file's name again."""

    model_config = ConfigDict(extra="forbid")
    title: ChangedText | None = None
    artist: ChangedText | None = None
    tags: ChangedTags | None = None
