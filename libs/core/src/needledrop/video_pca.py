"""The whitened PCA between the backbone and the quantiser, and its file."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from needledrop.arrays import arrays_from_npz
from needledrop.errors import BundleError, ErrorCode
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
    def load(cls, path: Path) -> "VideoPca":
        """Read the `.npz`; `BundleError` where it is malformed. Never unpickles."""
        try:
            file = arrays_from_npz(path, FIELDS)
            pca = cls(*(np.asarray(file[field], dtype=np.float64) for field in FIELDS))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise _invalid(path, f"does not hold {', '.join(FIELDS)}") from error
        dim, columns = pca.components.shape if pca.components.ndim == 2 else (0, 0)
        if dim < 1 or pca.mean.shape != (columns,) or pca.explained_variance.shape != (dim,):
            raise _invalid(path, "has shapes that don't belong together")
        if not all(np.isfinite(array).all() for array in (pca.mean, pca.components, pca.explained_variance)):
            raise _invalid(path, "holds numbers that are not finite")
        if pca.explained_variance.min() <= 0:
            raise _invalid(path, "has a variance that is not positive")
        return pca

    def save(self, path: Path) -> None:
        """Write the `.npz`, float32."""
        np.savez(path, **{field: getattr(self, field).astype(np.float32) for field in FIELDS})

    def whiten(self, pool: npt.NDArray[np.floating]) -> Floats:
        """[N, K] to [N, D], each column of unit variance: `(x − mean) · componentsᵀ / √explained_variance`."""
        result: Floats = (pool - self.mean) @ self.components.T / np.sqrt(self.explained_variance)
        return result

    def codes(self, pool: npt.NDArray[np.floating]) -> Codes:
        """[N, K] to quantised uint8 [N, D]."""
        return quantise(self.whiten(pool))


def _invalid(path: Path, what: str) -> BundleError:
    return BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} {what}")
