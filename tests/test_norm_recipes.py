"""What lesson 03b claims of pre- and post-norm, over seeds: orders of usable rates, never a digit.

The clauses X1, X4 and X5, and Figure 8.
"""

import dataclasses

import numpy as np
import pytest
from claims import most, nearly_all, starts_no_further_run

from stability_ref import norm_recipes, recipes
from stability_ref.norm_recipes import largest_usable_rate, optimises_well
from stability_ref.training import run
from stability_ref.updates import RULES

LOW, DEFAULT, HIGH = range(3)
IN_ORDER = ["post-norm", "post-norm + warmup", "pre-norm", "pre-norm + warmup"]


@pytest.fixture(scope="module")
def sweeps(seeds):
    return norm_recipes.figure_8(seeds)


@pytest.fixture(scope="module")
def others(seeds):
    return norm_recipes.other_placements(seeds)


@pytest.fixture(scope="module")
def usable(sweeps, others):
    return {label: largest_usable_rate(record) for label, record in (sweeps | others).items()}


@pytest.fixture(scope="module")
def with_adam(seeds):
    return {label: optimises_well(record) for label, record in norm_recipes.adam_check(seeds).items()}


def best(record):
    return np.nanmin(record.test_loss[..., -1], axis=-1)


def test_the_curves_are_named_and_ordered_as_in_the_original(sweeps):
    assert list(sweeps) == IN_ORDER


def test_the_usable_range_grows_from_post_norm_to_pre_norm_with_warmup(usable):
    rates = np.array([usable[label] for label in IN_ORDER])
    assert nearly_all((np.diff(rates, axis=0) > 0).all(axis=0))
    medians = np.median(rates, axis=-1)
    assert (medians[1:] >= 2 * medians[:-1]).all()


def test_every_curve_has_a_usable_rate_and_an_unusable_one(usable):
    for label in IN_ORDER:
        assert (usable[label] >= norm_recipes.RATES[0]).all()
        assert (usable[label] < norm_recipes.RATES[-1]).all()


def test_beyond_its_range_post_norm_ends_at_guessing(sweeps):
    final = sweeps["post-norm"].test_loss[:, 3:7, -1]  # four rates, from twice the largest usable one on
    assert most(abs(final / recipes.GUESSING - 1) < 0.1)


def test_the_best_loss_of_pre_norm_with_warmup_is_the_lowest_and_post_norm_s_the_highest(sweeps):
    losses = [best(sweeps[label]) for label in IN_ORDER]
    assert most(losses[3] < np.min(losses[:3], axis=0))
    assert most(losses[0] > np.max(losses[1:], axis=0))


def test_a_norm_at_the_end_of_the_branch_does_what_one_at_its_beginning_does(usable):
    last, first, outside = (usable[label] for label in ("x + Norm(f(x))", "pre-norm", "post-norm"))
    assert most(last >= first)
    assert most(last > 8 * outside)
    assert most(usable["x + Norm(f(x)) + warmup"] >= last)


def test_rezero_makes_more_rates_usable_than_no_norm_but_fewer_than_a_norm_in_the_branch(usable):
    assert most(usable["ReZero"] >= 4 * usable["no norm"])
    for warmup in ("", norm_recipes.WITH_WARMUP):
        assert most(usable["ReZero" + warmup] > usable["no norm" + warmup])
        assert most(8 * usable["ReZero" + warmup] <= usable["pre-norm" + warmup])


def test_warmup_makes_rezero_better_at_its_best_rate_and_no_further_rate_usable(others, usable):
    assert most(usable["ReZero + warmup"] <= usable["ReZero"])
    assert most(best(others["ReZero + warmup"]) < best(others["ReZero"]))


def test_with_adam_the_order_is_the_same_up_to_pre_norm(with_adam):
    counts = np.array([with_adam[label].sum(axis=-1) for label in IN_ORDER])
    assert most((np.diff(counts[:3], axis=0) > 0).all(axis=0))
    assert most(counts[3] >= counts[2])
    assert most(with_adam["pre-norm + warmup"].all(axis=-1))


def test_there_are_rates_for_every_rule():
    assert list(norm_recipes.RULE_RATES) == list(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_the_lowest_rate_trains_the_default_separates_and_the_highest_breaks(rule, seeds):
    rates = np.array(norm_recipes.RULE_RATES[rule])
    trains = {}
    for block in norm_recipes.PLACEMENTS.values():
        net = norm_recipes.net(block, np.float32)
        record = run(net, rule, recipes.baseline(rates), recipes.STEPS, seeds=seeds)
        trains[block] = (record.test_loss[..., -1] < recipes.GUESSING / 2).T  # (R, S)
    assert most(trains["post"][LOW])
    assert most(trains["pre"][LOW])
    assert most(trains["pre"][DEFAULT])
    for broken in (trains["post"][DEFAULT], trains["post"][HIGH], trains["pre"][HIGH]):
        assert most(~broken)


@pytest.fixture
def sweep(sweeps):
    """A record of two seeds, whose final losses a test sets."""

    def with_losses(*losses):
        table = np.array([losses, losses])[..., None]
        return dataclasses.replace(sweeps["pre-norm + warmup"], test_loss=table)

    return with_losses


def test_the_base_rate_is_the_top_of_the_warmup(sweeps, others):
    for label, record in (sweeps | others).items():
        has_norm = label.removesuffix(norm_recipes.WITH_WARMUP) not in norm_recipes.WITHOUT_NORM
        rates = norm_recipes.RATES if has_norm else norm_recipes.LOW_RATES
        np.testing.assert_array_equal(recipes.base_rates(record), rates)


def test_a_good_trial_beyond_a_poor_one_is_not_usable(sweep):
    record = sweep(0.5, 0.3, 0.2, 0.2, 2.3, 0.2, np.nan, np.inf, 40.0, 0.3)
    assert optimises_well(record)[0].tolist() == [True] * 4 + [False, True] + [False] * 3 + [True]
    assert largest_usable_rate(record).tolist() == [norm_recipes.RATES[3]] * 2


def test_a_slow_rate_is_not_a_poor_one(sweep):
    record = sweep(2.2, 1.9, 1.3, 0.9, 0.5, 0.3, 0.2, 0.2, 2.3, 2.3)
    assert largest_usable_rate(record).tolist() == [norm_recipes.RATES[7]] * 2


def test_where_nothing_trains_no_rate_is_usable(sweep):
    record = sweep(*[np.nan] * 8, 2.4, 2.5)
    assert not optimises_well(record).any()
    assert largest_usable_rate(record).tolist() == [0.0, 0.0]


def test_a_sweep_that_is_stopped_starts_no_further_run():
    starts_no_further_run(norm_recipes.figure_8)
