"""The rules as functions: first steps in closed form, shapes, dtypes, purity, and the table of them.

The clauses R1–R6.
"""

import math

import mpmath
import numpy as np
import pytest

from stability_ref.updates import RULES, Domain, _one_minus_power, _root

ALL = pytest.mark.parametrize("name", RULES)
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def take_steps(name, theta, gradients, rate=0.01, **constants):
    """All θ_t of a run with gradients that do not depend on θ."""
    rule, path = RULES[name], [theta]
    state = rule.init(theta)
    for g in gradients:
        theta, state = rule.update(theta, g, state, rate, **constants)
        path.append(theta)
    return np.array(path)


@pytest.fixture
def gradients():
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 5)) * 10.0 ** rng.uniform(-6, 3, size=(20, 5))


def test_momentum_weighs_past_gradients_with_today_s_rate(gradients):
    rates = np.linspace(0, 1, 20)
    theta, state = np.zeros(5), RULES["momentum"].init(np.zeros(5))
    for g, eta in zip(gradients, rates, strict=True):
        theta, state = RULES["momentum"].update(theta, g, state, eta, gamma=0.5)
    buffers = [sum(0.5 ** (t - s) * gradients[s] for s in range(t + 1)) for t in range(20)]
    np.testing.assert_allclose(-theta, sum(map(np.multiply, rates, buffers)), rtol=1e-12)


def test_rmsprop_keeps_yesterday_s_rate_in_its_buffer():
    theta, state = np.zeros(1), RULES["rmsprop"].init(np.zeros(1))
    theta, state = RULES["rmsprop"].update(theta, np.ones(1), state, 1.0, gamma=0.5, epsilon=0.0)
    theta, state = RULES["rmsprop"].update(theta, np.ones(1), state, 0.0, gamma=0.5, epsilon=0.0)
    np.testing.assert_allclose(theta, [-1.5])


@ALL
def test_nan_and_inf_are_results(name):
    with np.errstate(all="ignore"):
        path = take_steps(name, np.zeros(3), [np.array([1.0, np.nan, np.inf])])
    assert np.isfinite(path[1][0])
    assert not np.isfinite(path[1][1])


def test_the_table_says_what_the_signatures_say():
    assert {name: row.rate for name, row in RULES.items()} == {
        **dict.fromkeys(["sgd", "momentum", "nesterov", "rmsprop"], "eta"),
        **dict.fromkeys(["adam", "nadam"], "alpha"),
    }
    assert RULES["sgd"].defaults == {}
    assert RULES["momentum"].defaults == RULES["nesterov"].defaults == {"gamma": 0.9}
    assert RULES["rmsprop"].defaults == {"rho": 0.9, "gamma": 0.9, "epsilon": 1e-8}
    assert RULES["adam"].defaults == {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    assert RULES["nadam"].defaults == RULES["adam"].defaults
    for row in RULES.values():
        assert all(value in row.domains[name] for name, value in row.defaults.items())


def test_a_domain_is_half_open_and_holds_no_nan():
    unit = Domain(0, 1)
    assert 0 in unit and np.array([0, 0.5]) in unit  # noqa: PT018, one idea
    assert 1 not in unit and np.nan not in unit and -1e-9 not in unit  # noqa: PT018, one idea
    assert str(unit) == "[0, 1)"
    assert str(Domain(0, math.inf)) == "[0, inf)"


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 0.999999, 1 - 2**-40])
@pytest.mark.parametrize("n", [1, 2, 1000])
def test_one_minus_a_power_loses_no_digits(beta, n):
    with mpmath.workdps(60):
        exact = float(1 - mpmath.mpf(beta) ** n)
    assert _one_minus_power(beta, n) == pytest.approx(exact, rel=1e-15)
    assert _one_minus_power(np.array([beta]), n)[0] == pytest.approx(exact, rel=1e-15)


def test_one_minus_a_power_of_a_whole_zero():
    assert _one_minus_power(0, 3) == 1


def test_the_root_of_a_plain_float_is_plain():
    assert type(_root(2.0)) is float
    assert _root(np.float32(2)).dtype == np.float32
