"""The shape of our metric: what towers it has, and how large they are. It is stored with the metric's configuration."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TowerShape(_Shape):
    """`width` of the hidden layers, residual `blocks` behind the pooling, transformer `layers` before it.

    `pooling` over time: the mean of the rows, or their mean under learned weights.
    """

    width: int = Field(ge=2)
    blocks: int = Field(default=1, ge=0)
    layers: int = Field(default=0, ge=0)
    heads: int = Field(default=4, ge=1)
    pooling: Literal["mean", "gated"] = "mean"

    @model_validator(mode="after")
    def _divisible(self) -> "TowerShape":
        if self.layers and (self.width % self.heads or self.width % 2):
            raise ValueError("a transformer's width is even and a multiple of its heads")
        return self


class ResidualShape(_Shape):
    """Two residual towers that lead to one space of `dim` dimensions."""

    kind: Literal["residual"] = "residual"
    dim: int = Field(ge=1)
    video: TowerShape
    audio: TowerShape
    weight: float = Field(default=1.0, gt=0)


class KernelShape(_Shape):
    """Two kernel CCA towers: `features` random Fourier features a side, `dim` canonical directions."""

    kind: Literal["kernel"] = "kernel"
    dim: int = Field(ge=1)
    features: int = Field(ge=1)
    weight: float = Field(default=1.0, gt=0)


class LabelShape(_Shape):
    """Two label towers for `dim` labels."""

    kind: Literal["label"] = "label"
    dim: int = Field(ge=1)
    video: TowerShape
    audio: TowerShape
    weight: float = Field(default=1.0, gt=0)


MemberShape = Annotated[ResidualShape | KernelShape | LabelShape, Field(discriminator="kind")]


class HubShape(_Shape):
    """The correction of hubs: `bank` items of each side, at inverse temperature `beta`, taken off with `strength`."""

    bank: int = Field(ge=1)
    beta: float = Field(gt=0)
    strength: float = Field(gt=0)


class MetricShape(_Shape):
    """Members' embeddings, joined end to end; `reduced` to so many dimensions; `hubs` where corrected for hubs."""

    members: tuple[MemberShape, ...] = Field(min_length=1)
    reduced: int | None = Field(default=None, ge=1)
    hubs: HubShape | None = None
