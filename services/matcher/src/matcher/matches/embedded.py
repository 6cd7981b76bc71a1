"""What a metric makes of one asset's features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matcher.models.tables import Model
from needledrop.features import Codes, Modality

Half = npt.NDArray[np.float16]


@dataclass(frozen=True)
class WindowRow:
    """A window's place and vector (float32 values), as it is written."""

    start_s: float
    vector: Sequence[float]


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


Embed = Callable[[Model, Modality, Codes, float], Embedded]
"""(model, modality, feature matrix uint8 [T, D], seconds a row) → what is written for the asset."""
