"""Adaptive clipping: what is remembered, what a unit is, what is not finite, and bad input at the door.

The clause C7.
"""

import math

import numpy as np
import pytest
from printed import some_network, units_of

from stability_ref.adaptive_clipping import (
    Clipping,
    PercentileState,
    clip_at_percentile,
    clip_units,
    percentile_init,
    running_percentile,
    unit_wise,
    units_init,
)
from stability_ref.clipping import gradient_norm

NETWORK = some_network()
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
KINDS = pytest.mark.parametrize("kind", ["running percentile", "unit-wise"])


def clipping(kind):
    return running_percentile(50, window=4) if kind == "running percentile" else unit_wise(NETWORK)


def numbers(seed, *shape, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * 10.0 ** rng.uniform(-2, 2, shape)).astype(dtype)


def steps(kind, theta, gradients):
    """The clipped gradient of every step, and the last state."""
    clip, init = clipping(kind)
    state, clipped = init(theta), []
    for g in gradients:
        one, state = clip(theta, g, state)
        clipped.append(one)
    return np.stack(clipped), state


# --- Both ---------------------------------------------------------------------------------------------------


@KINDS
@FLOATS
def test_stacked_trials_equal_single_ones_bit_for_bit_and_keep_their_dtype(kind, dtype):
    theta, gradients = numbers(0, 3, NETWORK.size, dtype=dtype), numbers(1, 6, 3, NETWORK.size, dtype=dtype)
    together, state = steps(kind, theta, gradients)
    assert {together.dtype, *(array.dtype for array in state)} == {np.dtype(dtype)}
    for k in range(3):
        np.testing.assert_array_equal(steps(kind, theta[k], gradients[:, k])[0], together[:, k])
        np.testing.assert_array_equal(steps(kind, theta[[k]], gradients[:, [k]])[0][:, 0], together[:, k])


@KINDS
def test_inputs_stay_as_they_were(kind):
    clip, init = clipping(kind)
    theta, g = numbers(0, 2, NETWORK.size), numbers(1, 2, NETWORK.size)
    state = clip(theta, g / 10, init(theta))[1]
    before = [array.copy() for array in (theta, g, *state)]
    clipped, _ = clip(theta, g, state)
    assert (clipped != g).any()
    for now, then in zip((theta, g, *state), before, strict=True):
        np.testing.assert_array_equal(now, then)


@KINDS
def test_no_gradient_grows_or_turns(kind):
    theta, gradients = numbers(0, NETWORK.size), numbers(1, 6, NETWORK.size)
    clipped, _ = steps(kind, theta, gradients)
    assert (np.abs(clipped) <= np.abs(gradients) * (1 + 1e-15)).all()
    assert (clipped * gradients >= 0).all()


# --- The running percentile ---------------------------------------------------------------------------------


def with_norms(*norms):
    """Gradients along one direction."""
    return np.array(norms)[:, None] * np.array([0.6, 0.8])


@pytest.mark.parametrize("percentile", [0, 10, 100 / 3, 50, 90, 100])
def test_the_threshold_is_numpy_s_percentile_of_the_last_norms_before_the_step(percentile):
    norms = np.abs(numbers(3, 20))
    clip, init = running_percentile(percentile, window=7)
    state = init(np.zeros(2))
    for t, g in enumerate(with_norms(*norms)):
        clipped, state = clip(np.zeros(2), g, state)
        known = norms[max(0, t - 7) : t]
        threshold = np.percentile(known, percentile) if t else math.inf
        np.testing.assert_allclose(gradient_norm(clipped), min(norms[t], threshold), rtol=1e-12)


def test_the_norms_that_are_remembered_are_the_unclipped_ones():
    _, state = steps("running percentile", np.zeros(2), with_norms(1, 9, 5))
    np.testing.assert_allclose(state.norms, [math.nan, 1, 9, 5])


def test_it_follows_a_run_that_blows_up():
    """Where every norm is ten times the last one, each is cut, and the threshold grows all the same."""
    clipped, _ = steps("running percentile", np.zeros(2), with_norms(1, 10, 100, 1e3, 1e4))
    assert (np.diff(gradient_norm(clipped)[1:]) > 0).all()
    assert gradient_norm(clipped)[-1] > 50


def test_the_percentile_scales_with_the_loss():
    gradients = numbers(4, 8, 5)
    clipped, _ = steps("running percentile", np.zeros(5), gradients)
    scaled, _ = steps("running percentile", np.zeros(5), 2.0**20 * gradients)
    np.testing.assert_array_equal(scaled, 2.0**20 * clipped)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_norm_that_is_not_finite_is_passed_on_and_not_counted(bad):
    gradients = np.concatenate([with_norms(1, 2), [[bad, 1.0]], with_norms(8)])
    clipped, state = steps("running percentile", np.zeros(2), gradients)
    np.testing.assert_array_equal(clipped[2], gradients[2])
    np.testing.assert_allclose(gradient_norm(clipped[3]), 1.5)
    assert np.isfinite(state.norms).sum() == 3


def test_norms_of_zero_clip_nothing():
    clipped, _ = steps("running percentile", np.zeros(2), with_norms(0, 0, 3))
    np.testing.assert_array_equal(clipped[2], with_norms(3)[0])


def test_a_state_of_its_own_can_be_given():
    state = PercentileState(np.array([2.0, 4.0]))
    clipped, after = clip_at_percentile(np.zeros(2), with_norms(8)[0], state, percentile=50)
    np.testing.assert_allclose(gradient_norm(clipped), 3)
    np.testing.assert_allclose(after.norms, [4, 8])
    assert percentile_init(np.zeros((3, 2)), window=5).norms.shape == (3, 5)


# --- Unit by unit -------------------------------------------------------------------------------------------


def plain_loop(theta, g, ratio, smallest):
    """The rule said again, one number at a time."""
    clipped = g.copy()
    for unit in units_of(NETWORK):
        weights = math.sqrt(sum(theta[i] ** 2 for i in unit))
        norm = math.sqrt(sum(g[i] ** 2 for i in unit))
        limit = ratio * max(weights, smallest)
        if norm > limit:
            for i in unit:
                clipped[i] = g[i] * limit / norm
    return clipped


@pytest.mark.parametrize("ratio", [0.01, 0.3, 10.0])
def test_units_are_clipped_as_a_plain_loop_does_it(ratio):
    theta, g = numbers(5, NETWORK.size), numbers(6, NETWORK.size)
    theta[12:16] = 0  # a bias at its start
    ours, _ = clip_units(theta, g, units_init(theta), network=NETWORK, ratio=ratio, smallest=0.1)
    np.testing.assert_allclose(ours, plain_loop(theta, g, ratio, 0.1), rtol=1e-13)


def test_the_units_of_a_test_cover_all_but_the_head():
    places = np.concatenate(list(units_of(NETWORK)))
    np.testing.assert_array_equal(np.sort(places), np.arange(NETWORK.size - 8))


def test_the_head_is_left_alone_unless_told():
    theta, g = numbers(5, NETWORK.size), 1e6 + numbers(6, NETWORK.size)
    clip, init = unit_wise(NETWORK)
    np.testing.assert_array_equal(clip(theta, g, init(theta))[0][-8:], g[-8:])
    clip, init = unit_wise(NETWORK, clip_head=True)
    assert (clip(theta, g, init(theta))[0][-8:] < g[-8:]).all()


def test_units_that_are_all_clipped_do_not_know_the_loss_s_scale():
    theta, g = numbers(5, NETWORK.size), 1e6 + np.abs(numbers(6, NETWORK.size))
    clip, init = unit_wise(NETWORK, clip_head=True)
    one, other = (clip(theta, scale * g, init(theta))[0] for scale in (1.0, 2.0**30))
    np.testing.assert_allclose(other, one, rtol=1e-14)


def test_weights_and_gradient_in_another_unit_give_the_same_in_it():
    theta, g = numbers(5, NETWORK.size), numbers(6, NETWORK.size)
    one, _ = clip_units(theta, g, units_init(theta), network=NETWORK, smallest=0.125)
    scaled, _ = clip_units(8 * theta, 8 * g, units_init(theta), network=NETWORK, smallest=1.0)
    np.testing.assert_array_equal(scaled, 8 * one)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_unit_that_is_not_finite_is_passed_on_and_the_others_are_clipped(bad):
    theta, g = numbers(5, NETWORK.size), 1e6 + numbers(6, NETWORK.size)
    g[0] = bad
    clipped, _ = clip_units(theta, g, units_init(theta), network=NETWORK)
    first, *others = units_of(NETWORK)
    np.testing.assert_array_equal(clipped[first], g[first])
    assert all((clipped[unit] < g[unit]).all() for unit in others)
    theta[0], g[0] = bad, 1.0
    clipped, _ = clip_units(theta, g, units_init(theta), network=NETWORK)
    np.testing.assert_array_equal(clipped[first], g[first])


# --- At the door --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: running_percentile(101), "percentile must be a number between 0 and 100, but 101 came"),
        (lambda: running_percentile([50, 90]), "percentile must be a number"),
        (lambda: running_percentile(math.nan), "percentile must be a number"),
        (lambda: running_percentile(window=0), "window must be a whole number of at least 1"),
        (lambda: unit_wise("net"), "network must be a network.Network"),
        (lambda: unit_wise(NETWORK, ratio=0), "ratio must be a number above 0"),
        (lambda: unit_wise(NETWORK, smallest=[1, 2]), "smallest must be a number above 0"),
        (
            lambda: unit_wise(NETWORK).init(np.zeros(3)),
            f"network must be the problem's, of 3 parameters, but {NETWORK.size} came",
        ),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_a_row_is_clip_and_init():
    assert Clipping._fields == ("clip", "init")
