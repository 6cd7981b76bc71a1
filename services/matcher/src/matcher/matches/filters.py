"""What a ranking may be narrowed to."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from matcher.tables import Track


@dataclass(frozen=True)
class TrackFilters:
    """Tracks that bear all of `tags` and are between the durations, in seconds, long. The empty filter keeps all."""

    tags: frozenset[str] = frozenset()
    min_duration_s: float | None = None
    max_duration_s: float | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.tags:
            found.append(Track.tags.contains(sorted(self.tags)))
        if self.min_duration_s is not None:
            found.append(Track.duration_s >= self.min_duration_s)
        if self.max_duration_s is not None:
            found.append(Track.duration_s <= self.max_duration_s)
        return found

    def __bool__(self) -> bool:
        return self != EVERYTHING


EVERYTHING = TrackFilters()
