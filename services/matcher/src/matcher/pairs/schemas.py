from matcher.assets.schemas import AssetOut, Page


class PairOut(AssetOut):
    """A video with its own sound. Ready once both sides' features are there; `progress` is that of both together."""


class PairPage(Page):
    """`ready`: how many of all pairs a training can use now."""

    ready: int
    items: list[PairOut]
