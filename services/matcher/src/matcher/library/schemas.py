from matcher.assets.schemas import AssetOut, Page


class TrackOut(AssetOut):
    """Audio in the library."""


class TrackPage(Page):
    items: list[TrackOut]
