"""A whitening PCA from fewer samples than it has components."""

import numpy as np
import numpy.typing as npt

from needledrop_models.video_pca import VideoPca


def fit_few(pool: npt.NDArray[np.floating], dim: int, leading: int, floor: float, seed: int) -> VideoPca:
    """A PCA [K] → [dim] from rows [N, K], of which only the `leading` components (fewer than N) are estimated.

    The others are an orthonormal completion drawn from the seed. Their variance is the noise of probabilistic PCA:
    what the leading ones leave, spread over the remaining K − leading directions (Tipping & Bishop 1999, equation 8).
    No variance is below `floor` times the largest, so that whitening does not blow noise up to the size of signal.
    """
    rows = pool.astype(np.float64)
    count, columns = rows.shape
    leading = min(leading, count - 1, dim)
    mean = rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
    variance = singular**2 / (count - 1)
    found = directions[:leading]
    noise = variance[leading:].sum() / (columns - leading)
    variances = np.concatenate([variance[:leading], np.full(dim - leading, noise)])
    return VideoPca(
        mean=mean,
        components=np.concatenate([found, _completion(found, dim - leading, seed)]),
        explained_variance=np.maximum(variances, floor * variances[0]),
    )


def _completion(basis: npt.NDArray[np.float64], count: int, seed: int) -> npt.NDArray[np.float64]:
    """`count` random orthonormal rows, orthogonal to those of `basis`."""
    drawn = np.random.default_rng(seed).standard_normal((count, basis.shape[1]))
    joint, _ = np.linalg.qr(np.concatenate([basis, drawn]).T)
    return np.ascontiguousarray(joint.T[len(basis) :])
