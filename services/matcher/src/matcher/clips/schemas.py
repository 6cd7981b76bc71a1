from matcher.assets.schemas import AssetOut, Page


class ClipOut(AssetOut):
    """An uploaded video; `match_url` answers with the ranking."""

    match_url: str


class ClipPage(Page):
    items: list[ClipOut]
