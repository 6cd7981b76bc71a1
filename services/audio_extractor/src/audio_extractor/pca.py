"""The PCA behind VGGish, in AudioSet's format: `pca_eigen_vectors` (128, 128) and `pca_means` (128,) or (128, 1)."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from audio_extractor.vggish import EMBEDDING
from needledrop.arrays import arrays_from_npz
from needledrop.errors import BundleError, ErrorCode

Matrix = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Pca:
    """`vectors`: [128, 128], a component a row, scaled to unit variance. `means`: [128]."""

    vectors: Matrix
    means: Matrix

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the `.npz`; `BundleError` where it is malformed. Never unpickles."""
        try:
            file = arrays_from_npz(path, ("pca_eigen_vectors", "pca_means"))
            vectors, means = file["pca_eigen_vectors"], file["pca_means"].reshape(-1)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, AttributeError, TypeError) as error:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} is not VGGish's PCA file") from error
        if vectors.shape != (EMBEDDING, EMBEDDING) or means.shape != (EMBEDDING,):
            raise BundleError(
                ErrorCode.BUNDLE_INVALID,
                f"{path.name} holds vectors {list(vectors.shape)} and means {list(means.shape)}, not 128 × 128 and 128",
            )
        if not all(np.issubdtype(a.dtype, np.floating) and np.isfinite(a).all() for a in (vectors, means)):
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} holds values that are not finite numbers")
        return cls(vectors, means)

    def save(self, path: Path) -> None:
        """Write the `.npz`."""
        np.savez(path, pca_eigen_vectors=self.vectors, pca_means=self.means)

    def apply(self, embeddings: Matrix) -> npt.NDArray[np.float64]:
        """Whitened components, float64 [n, 128], of embeddings [n, 128]: `vectors · (x − means)` for each row."""
        return (embeddings.astype(np.float64) - self.means) @ self.vectors.T.astype(np.float64)

    @classmethod
    def fit(cls, embeddings: Matrix, floor: float) -> Self:
        """A whitening PCA of embeddings [n, 128], largest variance first, float32.

        Rows are scaled by 1/√(variance + `floor` · largest variance): a direction with next to no variance of its own
        would otherwise be blown up into noise. Each component's largest entry is positive, so that a fit is repeatable.
        """
        x = embeddings.astype(np.float64)
        means = x.mean(axis=0)
        variances, basis = np.linalg.eigh(np.cov(x - means, rowvar=False))
        variances, components = np.maximum(variances[::-1], 0.0), basis.T[::-1]
        largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
        scale = np.sign(largest) / np.sqrt(variances + floor * variances[0])[:, None]
        return cls((components * scale).astype(np.float32), means.astype(np.float32))
