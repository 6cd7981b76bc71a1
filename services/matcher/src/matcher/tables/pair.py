from matcher.tables.asset import Asset


class Pair(Asset):
    """A video with its own sound. Its two sides' features are training data; it has no place in any ranking."""

    __tablename__ = "pairs"
