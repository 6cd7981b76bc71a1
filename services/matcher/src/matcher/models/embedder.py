"""Embedding with the installed bundle's metric."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from matcher.matches.embedded import Embedded, WindowRow
from matcher.models.tables import Model
from needledrop.archive import open_bundle
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Codes, FloatArray, Modality


class Window(Protocol):
    @property
    def start_s(self) -> float: ...

    @property
    def vector(self) -> FloatArray: ...


class Metric(Protocol):
    """What `matcher_training.embedder` loads."""

    def windows(self, codes: Codes, hop_s: float) -> Sequence[Window]: ...

    def clip(self, codes: Codes, hop_s: float) -> FloatArray: ...


class MetricEmbedder:
    """An `Embed`. The metric is loaded at first use.

    `BundleError(space_mismatch)` where a bundle's metric is asked for and the bundle at `bundle` is another.
    """

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        self._load = lru_cache(maxsize=1)(self._load_metric)

    def __call__(self, model: Model, modality: Modality, codes: Codes, hop_s: float) -> Embedded:
        metric = self._load(model.id)
        if modality is Modality.VIDEO:
            windows = [WindowRow(0.0, metric.clip(codes, hop_s).tolist())]
        else:
            windows = [WindowRow(window.start_s, window.vector.tolist()) for window in metric.windows(codes, hop_s)]
        return Embedded(windows)

    def _load_metric(self, model_id: str) -> Metric:
        from matcher_training.embedder import load_embedder  # noqa: PLC0415  torch is imported where it is used

        bundle = open_bundle(self._bundle)
        if bundle.metric.id != model_id:
            detail = f"the worker's bundle holds {bundle.metric.id}, the model in use is {model_id}"
            raise BundleError(ErrorCode.SPACE_MISMATCH, detail)
        return load_embedder(bundle, device="cpu")
