from matcher.assets.schemas import AssetFields, AssetOut
from matcher.paging import Page


class ClipFields(AssetFields):
    """What may come with an uploaded clip."""


class ClipOut(AssetOut):
    """An uploaded video; `match_url` answers with the ranking."""

    match_url: str


class ClipPage(Page):
    items: list[ClipOut]
