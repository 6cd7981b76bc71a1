from matcher.assets.schemas import AssetFields, AssetOut
from matcher.paging import Page


class PairFields(AssetFields):
    """What may come with an uploaded pair."""


class PairOut(AssetOut):
    """A video with its own sound. Ready once both sides' features are there; `progress` is that of both together."""


class PairPage(Page):
    """`ready`: how many of all pairs a training can use now."""

    ready: int
    items: list[PairOut]
