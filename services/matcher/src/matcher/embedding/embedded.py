"""What a metric makes of one asset's features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from matcher.tables import Model
from needledrop.features import Codes, FloatArray, Modality

Half = npt.NDArray[np.float16]


@dataclass(frozen=True)
class WindowRow:
    """A window's place and vector (float32 values), as it is written."""

    start_s: float
    vector: Sequence[float] | FloatArray


@dataclass(frozen=True)
class StepRows:
    """Embeddings second by second, float16 [T, dim], one row every `hop_s` seconds."""

    hop_s: float
    vectors: Half


@dataclass(frozen=True)
class Embedded:
    """A track's windows in order of time, or a clip's one; `steps` where the metric can lay a clip along a track."""

    windows: Sequence[WindowRow]
    steps: StepRows | None = None


@dataclass(frozen=True)
class Owned:
    """What a metric made of an asset; one of the ids is None."""

    track_id: UUID | None
    clip_id: UUID | None
    embedded: Embedded


Timed = tuple[Codes, float]
"""A feature matrix, uint8 [T, D], and how many seconds a row stands for."""
Embed = Callable[[Model, Modality, Codes, float], Embedded]
"""(model, modality, feature matrix uint8 [T, D], seconds a row) → what is written for the asset."""
EmbedMany = Callable[[Model, Modality, Sequence[Timed]], list[Embedded]]
"""The same for many assets together, which is quicker."""
