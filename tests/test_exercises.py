"""The self-checks: right answers are right, and every known mistake is recognised for what it is."""

import numpy as np
import pytest

from stability_ref.exercises import check_best_rate, check_rule
from stability_ref.mistakes import MISTAKES
from stability_ref.updates import RULES

OF_RULES = {name: mistake for name, mistake in MISTAKES.items() if mistake.target in RULES}
# Wrong in what one run in float64 with the default constants (ρ = γ) does not show: for the mutation tests.
SAME_NUMBERS = {
    "sgd_overwrites_theta",
    "momentum_overwrites_v",
    "rmsprop_decays_swapped",
    "adam_promotes",
    "adam_cancels",
}


@pytest.mark.parametrize("name", RULES)
def test_the_reference_is_right(name, capsys):
    assert check_rule(name, RULES[name].update, RULES[name].init).right
    assert capsys.readouterr().out == f"Right: yours agrees with {name} at every one of 50 steps.\n"


@pytest.mark.parametrize("name", RULES)
def test_another_right_way_to_write_it_is_right_too(name):
    rule = RULES[name]

    def in_lists(theta, g, state, rate):
        theta, state = rule.update(np.array(theta), np.array(g), state, rate)
        return list(theta), state

    assert check_rule(name, in_lists).right


@pytest.mark.parametrize("name", sorted(set(OF_RULES) - SAME_NUMBERS))
def test_a_known_mistake_is_named(name):
    mistake = OF_RULES[name]
    verdict = check_rule(mistake.target, mistake.function, mistake.init)
    assert not verdict.right
    assert mistake.says in verdict.sentence


def test_overwriting_is_told():
    verdict = check_rule("sgd", MISTAKES["sgd_overwrites_theta"].function)
    assert verdict.sentence == "Almost: the numbers agree, but theta or g is overwritten in place."


def test_an_unknown_mistake_is_called_unknown():
    verdict = check_rule("sgd", lambda theta, g, state, eta: (theta - 1.01 * eta * g, state))
    assert verdict.sentence == (
        "Not yet: yours departs from sgd at step 1. It looks like none of the mistakes that are known here."
    )


def test_code_that_stops_is_an_answer_and_not_a_crash():
    verdict = check_rule("sgd", lambda theta, g, state, eta: theta / {}[0])
    assert verdict.sentence == "Not yet: it stops with KeyError: 0"
    verdict = check_rule("sgd", lambda theta, g, state, eta: (theta.sum(), state))
    assert "theta has the shape () after a step, not (6,)" in verdict.sentence


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="name must be one of sgd, momentum"):
        check_rule("adamw", RULES["adam"].update)


BEST_RATES = {
    "Right": lambda rates, results: rates[np.nanargmin(results)],
    "a trial that ended in NaN won": lambda rates, results: rates[np.argmin(results)],
    "the rate whose loss is the smallest": lambda rates, results: np.nanargmin(results),
    "each keeps its loss": lambda rates, results: np.sort(rates)[np.nanargmin(results)],
    "it stops with KeyError": lambda rates, results: {}[0],
    "it must return the rate": lambda rates, results: None,
}


@pytest.mark.parametrize("says", BEST_RATES)
def test_what_is_wrong_with_a_best_rate_is_told(says, capsys):
    verdict = check_best_rate(BEST_RATES[says])
    assert says in verdict.sentence
    assert verdict.right is (says == "Right")
    assert capsys.readouterr().out == verdict.sentence + "\n"


def test_of_several_best_rates_there_is_none():
    assert not check_best_rate(lambda rates, results: rates).right
