from matcher.assets.tables import Asset


class Track(Asset):
    """Audio in the library."""

    __tablename__ = "tracks"
