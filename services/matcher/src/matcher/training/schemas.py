"""What is asked for when a model is to be trained."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from needledrop.metric_kind import MetricKind

Source = Literal["pairs", "choices"]


class ModelIn(BaseModel):
    """What to train, on what: `use` names the sources of training data. Same data, recipe and seed: the same model."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, min_length=1, max_length=100)
    recipe: MetricKind = Field(default=MetricKind.NEEDLEDROP, description=f"{MetricKind.described()}.")
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    use: list[Source] = Field(default=["pairs"], min_length=1)
