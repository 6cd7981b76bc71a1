"""The video extractor's own settings."""

from enum import StrEnum

from pydantic import Field

from needledrop.settings import CoreSettings


class Precision(StrEnum):
    """What the network computes in. The reduced ones keep raw rows within cosine 0.999, whitened rows not always."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class VideoSettings(CoreSettings):
    """`NEEDLEDROP_VIDEO_PRECISION` beside what all processes share."""

    video_precision: Precision = Field(default=Precision.FLOAT32, description="What the video backbone computes in.")
