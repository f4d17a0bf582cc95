"""The sharpness of a problem and along a run: values, edges, costs, and what divergence does (playbook E)."""

import numpy as np
import pytest
from claims import nearly_all

from stability_ref import training
from stability_ref.problems import DigitsProblem, Quadratic
from stability_ref.schedules import constant
from stability_ref.sharpness import EDGES, along_run, preconditioner, sharpness, warm_start
from stability_ref.training import run, trace
from stability_ref.updates import RULES

CURVATURES = [0.5, 2.0, 8.0]
ADAPTIVE = ("rmsprop", "adam", "nadam")


def small_net(**options):
    options = {"width": 8, "examples": 60, "batch_size": None, "dtype": np.float64} | options
    return DigitsProblem("feedforward", blocks=1, activation="tanh", loss="squared_error", **options)


def ramp(t):
    return np.array([0.01, 0.02]) * (t + 1)


@pytest.mark.parametrize("rule", RULES)
def test_a_bowl_s_sharpness_is_its_curvature_over_what_the_rule_divides_by(rule):
    bowl = Quadratic(CURVATURES)
    seen = along_run(bowl, rule, constant(0.01), 6, every=2, tolerance=1e-9)
    states = trace(bowl, rule, constant(0.01), 6).states
    divisors = [preconditioner(rule, states[t]) for t in seen.at]
    expected = [np.max(CURVATURES / (np.ones(3) if P is None else P)) for P in divisors]
    np.testing.assert_allclose(seen.value[0, 0], expected, rtol=1e-8)


@pytest.mark.parametrize("rule", ADAPTIVE)
def test_the_preconditioner_is_what_the_step_divides_by(rule):
    """Read off the step itself: rate times what is divided, over the way that θ went."""
    rng, P = np.random.default_rng(0), np.nan
    row, theta = RULES[rule], rng.normal(size=(2, 5))
    state, constants = row.init(theta), {"epsilon": 0.1} | ({"gamma": 0.0} if rule == "rmsprop" else {})
    for _ in range(4):
        g = rng.normal(size=theta.shape)
        after, state = row.update(theta, g, state, 0.01, **constants)
        divided = {"rmsprop": g, "adam": state.m, "nadam": 0.9 * state.m + (1 - 0.9) * g}[rule]
        P = preconditioner(rule, state, **constants)
        np.testing.assert_allclose(0.01 * divided / (theta - after), P, rtol=1e-9)
        theta = after


@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov"])
def test_the_linear_rules_divide_by_nothing(rule):
    assert preconditioner(rule, RULES[rule].init(np.zeros(3))) is None


@pytest.mark.parametrize("rule", RULES)
def test_the_edge_is_the_one_at_the_rate_that_theta_meets(rule):
    seen = along_run(Quadratic(CURVATURES), rule, ramp, 5)
    assert seen.at.tolist() == [1, 2, 3, 4, 5]
    rates = np.array([ramp(min(t, 4)) for t in seen.at]).T  # no rate follows the last update
    np.testing.assert_allclose(seen.edge[0], EDGES[rule](rates))


def test_the_edge_and_the_divisor_know_the_run_s_constants():
    """Settings that differ in a constant alone have edges and preconditioners of their own."""
    bowl, constants = Quadratic(CURVATURES), {"beta1": [0.0, 0.8], "beta2": 0.9}
    seen = along_run(bowl, "adam", constant(0.01), 3, constants=constants, tolerance=1e-9)
    for r, beta1 in enumerate(constants["beta1"]):
        alone = {"beta1": beta1, "beta2": 0.9}
        np.testing.assert_allclose(seen.edge[0, r], EDGES["adam"](0.01, beta1))
        state = trace(bowl, "adam", constant(0.01), 3, constants=alone).states[3]
        expected = np.max(CURVATURES / preconditioner("adam", state, **alone))
        assert seen.value[0, r, 2] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("chunk", [1, 10**9])
def test_every_trial_of_every_chunk_finds_its_place_and_the_run_is_as_ever(chunk, monkeypatch):
    net, rates, seeds = small_net(), [0.05, 0.1, 0.2], (3, 0)
    monkeypatch.setattr(training, "CACHE_BYTES", chunk)
    seen = along_run(net, "momentum", constant(rates), 7, every=3, seeds=seeds, tolerance=1e-9)
    assert seen.at.tolist() == [3, 6]
    assert seen.value.shape == seen.edge.shape == (2, 3, 2)
    plain = run(net, "momentum", constant(rates), 6, seeds=seeds)
    for s in range(2):
        np.testing.assert_allclose(seen.value[s, :, 1], sharpness(net, plain.theta[s]).value, rtol=1e-6)
    np.testing.assert_array_equal(seen.record.loss[..., :6], plain.loss)


def test_a_trial_that_diverges_is_nan_disturbs_no_other_and_costs_nothing_more(monkeypatch):
    bowl, asked = Quadratic(CURVATURES), []
    exact = bowl.hessian_vector_product

    def counting(theta, rows):
        asked.append(len(theta))
        return exact(theta, rows)

    monkeypatch.setattr(bowl, "hessian_vector_product", counting)
    seen = along_run(bowl, "sgd", constant([0.01, 1e150]), 6)
    np.testing.assert_allclose(seen.value[0, 0], 8, rtol=1e-4)
    assert np.isfinite(seen.value[0, 1]).tolist() == [True, True, False, False, False, False]
    assert asked == [2, 2, 1, 1, 1, 1]


def test_a_guess_follows_a_steady_turn_a_jump_to_and_fro_and_neither():
    def unit(angles):
        return [np.array([[np.cos(angle), np.sin(angle)]]) for angle in angles]

    for angles, expected in {(0, 0.1, 0.2, 0.3): 0.4, (0, 1, 0.01, 1.01): 0.01, (0, 0, 0, 0): 0}.items():
        found = unit(angles)
        found[2] = -found[2]  # an eigenvector's sign is nobody's choice
        (x, y), *_ = warm_start(found)
        assert np.arctan(y / x) == pytest.approx(expected, abs=0.01)
    steady, jumping = unit([0, 0.1, 0.2, 0.3]), unit([0, 1, 0.01, 1.01])
    both = warm_start([np.concatenate(pair) for pair in zip(steady, jumping, strict=True)])
    np.testing.assert_array_equal(both[0], warm_start(steady)[0])
    np.testing.assert_array_equal(both[1], warm_start(jumping)[0])
    assert warm_start(steady[:1]) is steady[0]


def test_a_stopped_run_is_nan_from_there_on():
    seen = along_run(
        Quadratic(CURVATURES), "sgd", constant(0.01), 9, every=2, on_step=lambda done, *_: done == 5
    )
    assert np.isfinite(seen.value[0, 0]).tolist() == [True, True, False, False]
    assert seen.record.steps_done[0, 0] == 5


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
def test_a_point_costs_five_products_and_is_right_to_a_millionth(rule, seeds):
    """Of training that does not jump about: with 1.4 gradients a product, less than eight in all."""
    products, errors = [], []
    net, rate = small_net(width=16, examples=200), {"sgd": 0.1, "momentum": 0.02, "adam": 0.005}[rule]
    for seed in seeds:
        seen = along_run(net, rule, constant(rate), 60, seeds=[seed], tolerance=1e-6)
        inside = trace(net, rule, constant(rate), 60, seeds=[seed])
        theta, P = inside.theta[1:], [preconditioner(rule, state) for state in inside.states[1:]]
        exact = sharpness(
            net, theta, preconditioner=None if P[0] is None else np.concatenate(P), tolerance=1e-12
        )
        products.append(seen.products)
        errors.append(np.abs(seen.value[0, 0] / exact.value - 1))
    assert np.mean(products) <= 5.5
    assert nearly_all(np.quantile(errors, 0.95, axis=1) < 1e-6)
    assert np.max(errors) < 1e-5


def test_float32_is_measured_too():
    theta = small_net().initial(0)[None]
    exact = sharpness(small_net(), theta).value[0]
    top = sharpness(small_net(dtype=np.float32), theta)
    assert top.value[0] == pytest.approx(exact, rel=1e-4)


def test_rows_choose_what_is_measured():
    net = small_net()
    theta = np.stack([net.initial(0), net.initial(0)])
    rows = np.array([[0, 1, 2], [3, 4, 5]])
    each = sharpness(net, theta, rows).value
    assert each[0] != pytest.approx(each[1], rel=1e-3)
    assert sharpness(net, theta[1:], rows[1]).value[0] == pytest.approx(each[1], rel=1e-6)
    np.testing.assert_allclose(sharpness(net, theta).value, sharpness(net, theta, np.arange(60)).value)


def test_a_start_that_is_no_vector_is_replaced():
    net = small_net()
    theta = np.stack([net.initial(0), net.initial(1)])
    start = np.stack([np.full(net.size, np.nan), np.ones(net.size)])
    np.testing.assert_allclose(
        sharpness(net, theta, start=start).value, sharpness(net, theta).value, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("theta must be of shape", lambda: sharpness(Quadratic([1.0]), np.ones(1))),
        ("start must be of shape", lambda: sharpness(Quadratic([1.0]), np.ones((1, 1)), start=np.ones(1))),
        ("rule must be one of", lambda: along_run(Quadratic([1.0]), "lion", constant(0.1), 3)),
        (
            "every must be a whole number",
            lambda: along_run(Quadratic([1.0]), "sgd", constant(0.1), 3, every=0),
        ),
        (
            "every must be at most the 3",
            lambda: along_run(Quadratic([1.0]), "sgd", constant(0.1), 3, every=4),
        ),
        ("steps must be", lambda: along_run(Quadratic([1.0]), "sgd", constant(0.1), 0)),
    ],
)
def test_refusals_name_the_argument(message, call):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
