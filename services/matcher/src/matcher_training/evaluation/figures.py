"""The report of an evaluation, as it is written to `report.json`. Recalls are shares, 0…1; ranks count from 1."""

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Part):
    """Mean and standard deviation over the draws; `low` and `high` bound a 95 % bootstrap interval over the videos."""

    mean: float
    std: float
    low: float
    high: float


class Chance(_Part):
    """What is expected of a metric that knows nothing."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    mean_rank: float


class Direction(_Part):
    """Queries of one side, answers of the other. `curve`: mean recall@k for each of the gallery's `curve_k`."""

    recall_at_1: Figure
    recall_at_5: Figure
    recall_at_10: Figure
    median_rank: Figure
    mean_rank: Figure
    curve: tuple[float, ...]


class Gallery(_Part):
    """Figures over galleries of one size, every item of a gallery being a query once."""

    size: int
    draws: int
    chance: Chance
    picture_to_sound: Direction
    sound_to_picture: Direction
    curve_k: tuple[int, ...]


class ReferenceFigure(_Part):
    """The reference's own figure: the share of `gallery` clips whose sound is among the `k` nearest of as many."""

    gallery: int
    k: int
    accuracy: Figure


class Subset(_Part):
    """`all` pairs, or those of one kind; `reference` is None where there are fewer than it needs."""

    name: str
    items: int
    galleries: tuple[Gallery, ...]
    reference: ReferenceFigure | None


class MetricReport(_Part):
    """One metric. `similarity`: negative distances of a few clips (rows) and their sounds (columns), in one order."""

    name: str
    dim: int
    subsets: tuple[Subset, ...]
    similarity: tuple[tuple[float, ...], ...]


class Report(_Part):
    """The metric that was asked for, and after it those it was compared with, all on the same draws."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    data: tuple[str, ...]
    pairs: int
    seed: int
    metrics: tuple[MetricReport, ...] = Field(min_length=1)
