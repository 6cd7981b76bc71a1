"""How a metric is used."""

from pydantic import BaseModel, ConfigDict, Field

from matcher_training.towers.shapes import MetricShape


class MetricConfig(BaseModel):
    """How a metric is used: `MetricPart.config`. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    window_s: float = Field(gt=0, description="Length of a track's windows.")
    window_hop_s: float = Field(gt=0, description="From the start of one window to the start of the next.")
    max_s: float = Field(gt=0, description="How much of a clip, from its start, is embedded.")
    step_s: float | None = Field(default=None, gt=0, description="Length of the stretch that a step's embedding is of.")
    towers: MetricShape | None = Field(default=None, description="For the kind `needledrop`: its towers.")
