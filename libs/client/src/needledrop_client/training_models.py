"""The API's answers on training data and models. Times in seconds."""

from datetime import datetime
from typing import Any, Literal

from needledrop_client.models import Answer, Failure, Media


class Pair(Media):
    """A video with its own sound."""


class PairPage(Answer):
    items: list[Pair]
    total: int
    ready: int
    next_cursor: str | None = None


class Choice(Answer):
    """A track taken for a clip, from `start_s` on; `rank` was its place in the ranking of `model`."""

    id: str
    clip_id: str
    audio_id: str
    start_s: float
    model: str | None = None
    rank: int | None = None
    created_at: datetime


class ChoiceList(Answer):
    items: list[Choice]


class Coverage(Answer):
    """Of `total` tracks and clips, `embedded` have a place under the model; `stale` have features of another space."""

    total: int
    embedded: int
    stale: int


class ModelProgress(Answer):
    """How far a training or an activation is. `figures` are the last epoch's."""

    state: Literal["training", "embedding", "ready", "failed"]
    active: bool
    epoch: int | None = None
    epochs: int | None = None
    figures: dict[str, float | None] | None = None
    error: Failure | None = None
    coverage: Coverage


class ModelDetail(ModelProgress):
    """A metric that is known to the system; the one that is `active` ranks."""

    id: str
    name: str
    kind: str
    bundle: str
    untrained_backbones: bool
    installed: bool
    seed: int | None = None
    use: list[str] | None = None
    previous: str | None = None
    has_report: bool
    summary: dict[str, Any] | None = None
    created_at: datetime
    ready_at: datetime | None = None
    activated_at: datetime | None = None


class ModelList(Answer):
    items: list[ModelDetail]
