from matcher.tables.asset import Asset


class Clip(Asset):
    """An uploaded video, to be matched."""

    __tablename__ = "clips"
