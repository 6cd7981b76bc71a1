"""What a ranking may be narrowed to, as query parameters. `RankingRepository` has the SQL condition of each."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from matcher.library.tags import MAX_TAGS, normal_tags


def _normal(tags: list[str] | None) -> list[str] | None:
    return normal_tags(tags or []) or None


Tags = Annotated[list[str] | None, Field(max_length=MAX_TAGS), AfterValidator(_normal)]
Seconds = Annotated[float | None, Field(ge=0)]


class TrackFilters(BaseModel):
    """Tracks that pass each of these; None keeps all. Two that mean the same are equal."""

    model_config = ConfigDict(frozen=True)
    tag: Tags = Field(default=None, description="Only tracks with this tag; repeated: all.")
    min_duration: Seconds = Field(default=None, description="Only tracks at least so long, in seconds.")
    max_duration: Seconds = Field(default=None, description="Only tracks at most so long, in seconds.")

    @property
    def filters(self) -> "TrackFilters":
        """These alone, without what a route's query has beside them."""
        return TrackFilters(**{name: getattr(self, name) for name in TrackFilters.model_fields})

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def __bool__(self) -> bool:
        return self != EVERYTHING


EVERYTHING = TrackFilters()
