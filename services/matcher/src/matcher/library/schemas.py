from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from matcher.assets.schemas import AssetOut, Page
from matcher.assets.service import MAX_TEXT
from matcher.library.tags import MAX_LENGTH, MAX_TAGS


class TrackOut(AssetOut):
    """Audio in the library. `tags`: the user's own, case folded and sorted."""

    tags: list[str]


class TrackPage(Page):
    items: list[TrackOut]


class TrackChange(BaseModel):
    """What to change of a track; what is left out, or null, stays. An empty title is the file's name again."""

    model_config = ConfigDict(extra="forbid")
    title: str | None = Field(default=None, max_length=MAX_TEXT)
    artist: str | None = Field(default=None, max_length=MAX_TEXT)
    tags: list[Annotated[str, Field(max_length=MAX_LENGTH)]] | None = Field(default=None, max_length=MAX_TAGS)
