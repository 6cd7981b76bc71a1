"""A metric on its own, apart from any bundle: a folder with `metric.json` and the weights that it names.

`needledrop-train fit` writes one. A bundle takes it in with the feature spaces that its sides have.
"""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from needledrop.bundle import FileRef, MetricPart
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality

CARD = "metric.json"
WEIGHTS = "metric.safetensors"
DEFAULT = "default"
SCHEMA_VERSION = 1


class MetricSide(BaseModel):
    """What one tower takes: rows of `dim` columns, one every `hop_s` seconds.

    `space` is the id of the feature space where the training data named it; data of other makers doesn't.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    dim: int = Field(gt=0)
    hop_s: float = Field(gt=0)
    space: str | None = None


class MetricCard(BaseModel):
    """`metric.json`. `training` says on what data, under which licence, by which command, and how well it does."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    name: str
    kind: str
    weights: FileRef
    config: dict[str, Any]
    audio: MetricSide
    video: MetricSide
    training: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `metric.json` and check the hash of the weights; `BundleError` where either is absent or malformed."""
        try:
            card = cls.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
            found = FileRef.of(folder, card.weights.path)
        except OSError as error:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"no metric: {_name(error, CARD)} can't be read") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{CARD}: {where}: {first['msg']}") from error
        if found != card.weights:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{card.weights.path} is not the file that {CARD} describes")
        return card

    def save(self, folder: Path) -> None:
        """Write `metric.json` atomically; the weights are there before it."""
        staged = folder / f".{CARD}.part"
        staged.write_text(self.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")
        staged.replace(folder / CARD)

    def side(self, modality: Modality) -> MetricSide:
        return self.audio if modality is Modality.AUDIO else self.video

    def part(self, weights: FileRef, audio_space: str, video_space: str) -> MetricPart:
        """This metric as a bundle's part; `weights` is where they lie in the bundle.

        `BundleError(space_mismatch)` where the training data named another feature space than the bundle has.
        """
        for side, space in ((self.audio, audio_space), (self.video, video_space)):
            if side.space not in (None, space):
                raise BundleError(
                    ErrorCode.SPACE_MISMATCH, f"the metric was trained on {side.space}, the bundle's side is {space}"
                )
        return MetricPart(
            kind=self.kind,
            weights=weights,
            config=self.config,
            audio_space=audio_space,
            video_space=video_space,
            training=self.training,
        )


def default_metric() -> Path:
    """The folder of the metric that is shipped: trained on YouTube-8M's features, for bundles of the `yt8m` spaces."""
    return Path(__file__).parent / "default_metric"


def metric_folder(name: str) -> Path:
    """The folder that `--metric` names: a path, or `default` for the one that is shipped."""
    return default_metric() if name == DEFAULT else Path(name)


def _name(error: OSError, default: str) -> str:
    return Path(error.filename).name if error.filename else default
