"""The edges of stability: the formulas against bisection on the rule's own step, and against real runs.

The edge of stability (playbook E).
"""

import numpy as np
import pytest

from stability_ref.problems import Quadratic
from stability_ref.schedules import constant
from stability_ref.sharpness import EDGES, LINEAR, growth, measured_edge, preconditioner
from stability_ref.training import run

CONSTANT = {"momentum": "gamma", "nesterov": "gamma", "rmsprop": "gamma", "adam": "beta1", "nadam": "beta1"}
CASES: list = [("sgd", {})] + [
    (name, {constant: number}) for name, constant in CONSTANT.items() for number in (0.0, 0.5, 0.9, 0.99)
]


@pytest.mark.parametrize(("name", "constants"), CASES)
@pytest.mark.parametrize("eta", [1e-4, 0.3, 10.0])
def test_bisection_finds_the_formula_s_edge(name, constants, eta):
    assert measured_edge(name, eta, **constants) == pytest.approx(EDGES[name](eta, **constants), rel=1e-9)


@pytest.mark.parametrize(("name", "constants"), [case for case in CASES if case[0] in LINEAR])
def test_a_run_diverges_just_above_the_edge_and_not_below(name, constants):
    edge = EDGES[name](0.1, **constants)
    record = run(Quadratic([0.98 * edge]), name, constant(0.1), 4000, constants=constants)
    assert record.loss[0, 0, -1] < 1e-6 * record.loss[0, 0, 0]
    record = run(Quadratic([1.02 * edge]), name, constant(0.1), 4000, constants=constants)
    assert not record.loss[0, 0, -1] < 1e6 * record.loss[0, 0, 0]


def test_momentum_moves_the_edges_apart():
    gammas = [0.0, 0.3, 0.6, 0.9]
    assert (np.diff([EDGES["momentum"](1.0, gamma) for gamma in gammas]) > 0).all()
    assert (np.diff([EDGES["nesterov"](1.0, gamma) for gamma in gammas]) < 0).all()
    assert EDGES["momentum"](1.0, 0.0) == EDGES["nesterov"](1.0, 0.0) == EDGES["sgd"](1.0)


def test_growth_is_the_step_s_own_stretch():
    assert growth("sgd", 0.1, 25.0) == pytest.approx(1.5)
    assert growth("momentum", 0.1, 5.0, gamma=0.81) == pytest.approx(0.9)


@pytest.mark.parametrize(
    "function",
    [
        lambda: growth("lion", 0.1, 1.0),
        lambda: measured_edge("lion", 0.1),
        lambda: preconditioner("lion", ()),
    ],
)
def test_only_the_six_rules_have_an_edge(function):
    with pytest.raises(ValueError, match=r"name must be one of sgd, .*, nadam, but 'lion' came"):
        function()


@pytest.mark.parametrize(("name", "constant"), [("rmsprop", "rho"), ("adam", "beta2"), ("nadam", "beta2")])
def test_the_second_moment_is_held_still_by_nobody_else(name, constant):
    with pytest.raises(ValueError, match=f"^{constant} must be left out: it is held still, but 0.5 came"):
        growth(name, 0.1, 1.0, **{constant: 0.5})


@pytest.mark.parametrize("rate", [0, -1, np.nan])
def test_a_rate_is_above_zero(rate):
    with pytest.raises(ValueError, match="rate must be above 0"):
        measured_edge("sgd", rate)
