"""Clipping: the equation, the extremes of the float range, what is not finite, threshold and fraction.

The clauses C1, C3, C5 and D5.
"""

import numpy as np
import pytest

from stability_ref.clipping import clip, clipped_fraction, gradient_norm, threshold_at_percentile

FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture
def g():
    return np.random.default_rng(0).normal(size=(4, 7))


@FLOATS
def test_the_norm_is_numpy_s(g, dtype):
    np.testing.assert_allclose(gradient_norm(g.astype(dtype)), np.linalg.norm(g, axis=-1), rtol=1e-6)
    assert gradient_norm(g.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("scale", [1e200, 1e-200, 5e-324, 1e308, 1.0])
def test_the_norm_neither_overflows_nor_underflows(scale):
    np.testing.assert_allclose(gradient_norm(np.array([1.0, 0.0]) * scale), scale, rtol=1e-15)
    if scale < 1e308:
        np.testing.assert_allclose(gradient_norm(np.array([3.0, -4.0]) * scale), 5 * scale, rtol=1e-15)


def test_float32_has_its_own_range():
    np.testing.assert_allclose(gradient_norm(np.float32([3e30, 4e30])), 5e30, rtol=1e-6)
    np.testing.assert_allclose(gradient_norm(np.float32([3e-30, 4e-30])), 5e-30, rtol=1e-6)


def test_the_norm_of_nothing_of_integers_and_of_zeros():
    assert gradient_norm(np.zeros(3)) == 0
    assert gradient_norm(np.array([3, 4])) == 5
    assert gradient_norm(np.zeros((2, 0))).tolist() == [0, 0]


def test_one_extreme_row_leaves_the_others_alone(g):
    with_extreme = np.vstack([g, np.full((1, 7), 1e200), np.zeros((1, 7))])
    np.testing.assert_allclose(gradient_norm(with_extreme)[:4], gradient_norm(g), rtol=1e-15)


def test_below_and_at_the_threshold_nothing_changes(g):
    norms = gradient_norm(g)
    np.testing.assert_array_equal(clip(g, norms)[0], g)
    np.testing.assert_array_equal(clip(g, 2 * norms)[0], g)


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_clipping_far_from_one(scale):
    clipped, norm = clip(np.array([3.0, 4.0]) * scale, scale)
    np.testing.assert_allclose(clipped, np.array([0.6, 0.8]) * scale, rtol=1e-15)
    np.testing.assert_allclose(norm, 5 * scale, rtol=1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_passed_on_and_its_norm_says_so(g, bad):
    g[1, 2] = bad
    clipped, norm = clip(g, 0.5)
    np.testing.assert_array_equal(clipped[1], g[1])
    assert not np.isfinite(norm[1])
    np.testing.assert_allclose(gradient_norm(clipped[[0, 2, 3]]), 0.5)


@pytest.mark.parametrize("threshold", [0, -1, np.nan, [1, 0]])
def test_a_threshold_is_above_zero(g, threshold):
    with pytest.raises(ValueError, match=r"^threshold must be above 0"):
        clip(g, np.resize(threshold, 4))
    with pytest.raises(ValueError, match=r"^threshold must be above 0"):
        clipped_fraction(g, np.min(threshold))


def test_the_threshold_is_a_percentile_of_the_norms():
    assert threshold_at_percentile(np.arange(101.0)) == 90
    assert threshold_at_percentile(np.arange(101.0), 10) == 10


@pytest.mark.parametrize("norms", [[], [1, np.nan], [1, np.inf], [-1, 1], "norms"])
def test_norms_of_a_run_that_did_not_survive_give_no_threshold(norms):
    with pytest.raises(ValueError, match=r"^norms must be"):
        threshold_at_percentile(norms)


@pytest.mark.parametrize("percentile", [-1, 101, np.nan])
def test_a_percentile_lies_between_0_and_100(percentile):
    with pytest.raises(ValueError, match=r"^percentile must be between 0 and 100"):
        threshold_at_percentile([1.0], percentile)


def test_the_clipped_fraction_counts_updates_that_clip_changes():
    assert clipped_fraction([1, 2, 3, 4, np.nan, np.inf, 2.5, 0], threshold=2.5) == 2 / 8
    with pytest.raises(ValueError, match=r"^norms must be"):
        clipped_fraction([], threshold=1)
