from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from matcher.errors import Failure


class ActivationIn(BaseModel):
    """`reextract`: files with features of another space only are extracted again before the switch."""

    model_config = ConfigDict(extra="forbid")
    reextract: bool = False


class Coverage(BaseModel):
    """Of `total` tracks and clips, `embedded` have a place under the model; `stale` have features of another space."""

    total: int
    embedded: int
    stale: int


class ModelProgress(BaseModel):
    """`state`: `training`, `embedding` (on the way to being active), `ready` or `failed`.

    `figures` are the last epoch's, null where one is no number.
    """

    state: Literal["training", "embedding", "ready", "failed"]
    active: bool
    epoch: int | None
    epochs: int | None
    figures: dict[str, float | None] | None
    error: Failure | None
    coverage: Coverage


class ModelDetail(ModelProgress):
    """A metric. `use` and `seed` are null for a bundle's. `installed`: it is that of the bundle the extractors run.

    `previous`: the model that was active before it. `summary`: what its training says of itself.
    """

    id: str
    name: str
    kind: str
    bundle: str
    untrained_backbones: bool
    audio_space: str
    video_space: str
    installed: bool
    seed: int | None
    use: list[str] | None
    previous: str | None
    has_report: bool
    summary: dict[str, Any] | None
    created_at: datetime
    ready_at: datetime | None
    activated_at: datetime | None


class ModelList(BaseModel):
    items: list[ModelDetail]
