"""Embedding with any of the system's models: the installed bundle's metric, or a trained one from the media store."""

import tempfile
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

from matcher.embedding.embedded import Embedded, Half, StepRows, Timed, WindowRow
from matcher.tables import Model
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Codes, FloatArray, Modality
from needledrop_models.archive import open_bundle
from needledrop_storage.keys import model_key
from needledrop_storage.store import MediaStore

MODELS_HELD = 2
"""The active model, and the one that is about to become it."""


@cache
def metric_embedder(bundle: Path, store: MediaStore) -> "MetricEmbedder":
    """The process's own, shared by all that embed in it: each model is held once."""
    return MetricEmbedder(bundle, store)


class Window(Protocol):
    @property
    def start_s(self) -> float: ...

    @property
    def vector(self) -> FloatArray: ...


class Metric(Protocol):
    """What `matcher_training.towers.embedder` loads."""

    def windows_of(self, tracks: Sequence[Timed]) -> Sequence[Sequence[Window]]: ...

    def clips(self, clips: Sequence[Timed]) -> FloatArray: ...

    def steps_of(self, modality: Modality, assets: Sequence[Timed]) -> Sequence[Half] | None: ...


class MetricEmbedder:
    """An `Embed`. Metrics are loaded at first use, their files' hashes checked, and the last two are held.

    `BundleError(space_mismatch)` where a bundle's metric is asked for and the bundle at `bundle` is another.
    """

    def __init__(self, bundle: Path, store: MediaStore) -> None:
        self._bundle = bundle
        self._store = store
        self._load = lru_cache(maxsize=MODELS_HELD)(self._load_metric)

    def __call__(self, model: Model, modality: Modality, codes: Codes, hop_s: float) -> Embedded:
        return self.many(model, modality, [(codes, hop_s)])[0]

    def many(self, model: Model, modality: Modality, assets: Sequence[Timed]) -> list[Embedded]:
        """An `EmbedMany`."""
        metric = self._load(model.id, tuple(sorted(model.files.items())) if model.files else None)
        if modality is Modality.VIDEO:
            windows = [[WindowRow(0.0, vector)] for vector in metric.clips(assets)]
        else:
            windows = [[WindowRow(one.start_s, one.vector) for one in track] for track in metric.windows_of(assets)]
        steps = metric.steps_of(modality, assets)
        if steps is None:
            return [Embedded(own) for own in windows]
        rows = [StepRows(hop_s, own) for (_, hop_s), own in zip(assets, steps, strict=True)]
        return [Embedded(own, own_rows) for own, own_rows in zip(windows, rows, strict=True)]

    def _load_metric(self, model_id: str, files: tuple[tuple[str, str], ...] | None) -> Metric:
        return self._from_bundle(model_id) if files is None else self._from_store(model_id, files)

    def _from_bundle(self, model_id: str) -> Metric:
        from matcher_training.bundles.loading import load_embedder  # noqa: PLC0415  torch is imported where it is used

        bundle = open_bundle(self._bundle)
        if bundle.metric.id != model_id:
            detail = f"the worker's bundle holds {bundle.metric.id}, the model in use is {model_id}"
            raise BundleError(ErrorCode.SPACE_MISMATCH, detail)
        return load_embedder(bundle, device="cpu")

    def _from_store(self, model_id: str, files: tuple[tuple[str, str], ...]) -> Metric:
        from matcher_training.bundles.loading import load_metric  # noqa: PLC0415  torch is imported where it is used

        with tempfile.TemporaryDirectory(prefix="needledrop-model-") as name:
            folder = Path(name)
            for path, sha256 in files:
                with self._store.local_copy(model_key(model_id, path), sha256) as copy:
                    (folder / path).write_bytes(copy.read_bytes())
            return load_metric(folder)
