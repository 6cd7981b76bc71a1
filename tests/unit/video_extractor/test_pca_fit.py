import numpy as np
import pytest
from sklearn.decomposition import PCA

from video_extractor.pca_fit import fit_few

ROWS = np.random.default_rng(1).normal(size=(20, 60)) @ np.diag(np.geomspace(4, 0.5, 60)) + 3


def test_the_leading_components_are_scikit_learns_up_to_sign() -> None:
    fitted = PCA(8).fit(ROWS)
    pca = fit_few(ROWS, dim=40, leading=8, floor=0.0, seed=0)
    cosines = (pca.components[:8] * fitted.components_).sum(axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-8)
    np.testing.assert_allclose(pca.explained_variance[:8], fitted.explained_variance_)
    np.testing.assert_allclose(pca.mean, ROWS.mean(axis=0))


def test_the_completion_is_orthonormal_to_all() -> None:
    pca = fit_few(ROWS, dim=40, leading=8, floor=0.0, seed=0)
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(40), atol=1e-10)


def test_leading_and_residual_variance_make_up_the_samples_whole_variance() -> None:
    pca = fit_few(ROWS, dim=40, leading=8, floor=0.0, seed=0)
    residual = pca.explained_variance[8:]
    assert np.ptp(residual) == 0
    total = np.trace(np.cov(ROWS.T))
    assert pca.explained_variance[:8].sum() + (60 - 8) * residual[0] == pytest.approx(total)


def test_no_variance_is_below_the_floor() -> None:
    plain = fit_few(ROWS, dim=40, leading=8, floor=0.0, seed=0).explained_variance
    floored = fit_few(ROWS, dim=40, leading=8, floor=0.5, seed=0).explained_variance
    np.testing.assert_array_equal(floored, [max(value, 0.5 * plain[0]) for value in plain])


def test_the_seed_decides_the_completion() -> None:
    one, again, other = (fit_few(ROWS, 40, 8, 0.0, seed).components for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one[8:], other[8:])


def test_fewer_samples_than_leading_components_are_enough() -> None:
    pca = fit_few(ROWS[:5], dim=40, leading=8, floor=0.1, seed=0)
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(40), atol=1e-10)
    assert pca.explained_variance.min() > 0
