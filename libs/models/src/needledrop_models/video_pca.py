"""The whitening PCA between a video backbone and the quantiser, and its file in a bundle."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from needledrop.arrays import arrays_from_npz
from needledrop.errors import BundleError, ErrorCode, FeatureError
from needledrop.features import Codes, quantise

Floats = npt.NDArray[np.float64]
FIELDS = ("mean", "components", "explained_variance")


@dataclass(frozen=True)
class VideoPca:
    """`mean` [K], `components` [D, K] with orthonormal rows, `explained_variance` [D], as in scikit-learn's PCA."""

    mean: Floats
    components: Floats
    explained_variance: Floats

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the `.npz`; `BundleError` if it is malformed or can't be applied. Never unpickles."""
        try:
            file = arrays_from_npz(path, FIELDS)
            pca = cls(*(np.asarray(file[field], dtype=np.float64) for field in FIELDS))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise _invalid(path, f"does not hold {', '.join(FIELDS)}") from error
        mean, components, variance = pca.mean, pca.components, pca.explained_variance
        if components.ndim != 2 or mean.shape != components.shape[1:] or variance.shape != components.shape[:1]:
            raise _invalid(path, "has shapes that don't belong together")
        if not all(np.isfinite(array).all() for array in (mean, components, variance)):
            raise _invalid(path, "holds numbers that are not finite")
        if not (len(variance) and variance.min() > 0):
            raise _invalid(path, "has a variance that is not positive, or none")
        return pca

    def save(self, path: Path) -> None:
        """Write the `.npz`, float32, whole or not at all. The same PCA gives the same bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.part.npz")
        np.savez(staged, **{field: getattr(self, field).astype(np.float32) for field in FIELDS})
        staged.replace(path)

    def whiten(self, rows: npt.NDArray[np.floating[Any]]) -> Floats:
        """[T, K] to [T, D], each column of unit variance: `(x − mean) · componentsᵀ / √explained_variance`.

        `FeatureError` if the rows have another width than the PCA was fitted on.
        """
        columns = rows.shape[1]
        if columns != len(self.mean):
            detail = f"the PCA takes rows of {len(self.mean)} columns, these have {columns}"
            raise FeatureError(ErrorCode.FEATURES_INVALID, detail)
        result: Floats = (rows - self.mean) @ self.components.T / np.sqrt(self.explained_variance)
        return result

    def codes(self, rows: npt.NDArray[np.floating[Any]]) -> Codes:
        """[T, K] to quantised uint8 [T, D]."""
        return quantise(self.whiten(rows))


def _invalid(path: Path, what: str) -> BundleError:
    return BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} {what}")
