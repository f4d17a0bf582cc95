"""What lesson 05 claims of the sharpness and its edges, over seeds: ratios and orders, never a digit."""

import numpy as np
import pytest
from claims import most, nearly_all, starts_no_further_run

from stability_ref import sharpness_recipes
from stability_ref.schedules import constant
from stability_ref.sharpness import along_run
from stability_ref.sharpness_recipes import (
    BATCH_SIZES,
    LONG,
    MOMENTUM_RATES,
    RAISED_AT,
    SETTINGS,
    SHORT,
    STEPS,
    WARMUPS,
    catapult,
    diverged,
    late_ratio,
    ratio,
)
from stability_ref.updates import RULES


@pytest.fixture(scope="module")
def hovering(seeds):
    return sharpness_recipes.figure_e(seeds)


@pytest.fixture(scope="module")
def warming_up(seeds):
    return sharpness_recipes.why_warmup_works(seeds)


def at_the_end_of_warmup(measured, steps):
    """Sharpness over edge when the full rate is reached, for each seed."""
    return ratio(measured)[:, 0, np.searchsorted(measured.at, steps)]


def test_figure_e_has_all_six_rules(hovering):
    assert list(hovering) == list(RULES) == list(SETTINGS)
    for rule, measured in hovering.items():
        assert measured.record.rate[:, 0].tolist() == list(SETTINGS[rule].rates)
        assert measured.at[-1] == STEPS


@pytest.mark.parametrize("rule", SETTINGS)
def test_the_sharpness_starts_below_the_edge_and_ends_on_it(hovering, rule):
    """Playbook E: at every rate it hovers within a tenth or so of the edge; at the lowest it rises to it."""
    late, share = late_ratio(hovering[rule]), ratio(hovering[rule])
    assert nearly_all((late > 0.9) & (late < 1.15))
    assert (share[:, 0, 0] < 0.75).all()
    assert (share.max(axis=-1) > 1).all()


def test_at_a_higher_rate_it_hovers_lower(hovering):
    for measured in hovering.values():
        sharpness = late_ratio(measured) * measured.edge[..., -1]
        assert (np.diff(sharpness, axis=-1) < 0).all()


def test_the_loss_falls_all_the_same(hovering):
    for measured in hovering.values():
        loss = measured.record.loss
        assert (loss[..., -1] < loss[..., 0] / 10).all()
        assert (loss[..., -1] < loss[..., STEPS // 2]).mean() > 0.9


def test_it_overshoots_before_it_turns_round(hovering):
    """What is unstable needs time to grow."""
    peak = ratio(hovering["sgd"])[:, 0].max(axis=-1)
    assert (peak > 1.1 * late_ratio(hovering["sgd"])[:, 0]).all()


def test_doubling_the_rate_makes_a_catapult(seeds):
    """The loss jumps, the sharpness falls to the new edge, the loss falls below what it was (playbook E)."""
    seen = catapult(sharpness_recipes.raised(seeds))
    assert (seen.before > 1.1).all()
    assert nearly_all(seen.jump > 2)
    assert nearly_all(seen.lowest < 1.1)
    assert nearly_all(seen.end < 0.75)


def test_raised_too_far_it_does_not_come_back(seeds):
    lost = catapult(sharpness_recipes.raised(seeds, sharpness_recipes.TOO_FAR))
    assert nearly_all(~np.isfinite(lost.end))
    assert np.isnan(lost.lowest[~np.isfinite(lost.end)]).all()


def test_a_rate_that_is_not_raised_makes_none(seeds):
    calm = catapult(sharpness_recipes.raised(seeds, factor=1, rate=0.1))
    assert (calm.jump < 1.01).all()
    assert (calm.before < 1).all()


def test_only_the_longest_warmup_trains(seeds):
    record = sharpness_recipes.warmups(seeds)
    trained = record.final_test_error < sharpness_recipes.TRAINED
    assert list(WARMUPS) == [0, 5, 20, 100]
    assert trained[:, :-1].mean() < 0.1
    assert nearly_all(trained[:, -1])
    assert diverged(record)[:, :-1].mean() > 0.9


def test_the_sharpness_starts_ten_times_too_high_for_the_full_rate(warming_up):
    for measured in warming_up.values():
        assert (measured.value[:, 0, 0] > 5 * measured.edge[:, 0, -1]).all()


def test_a_long_warmup_drives_the_sharpness_down_before_the_full_rate_comes(warming_up):
    """Playbook E, Gilmer et al. 2021: it has fallen to about the full rate's edge when the warmup ends."""
    long, short = warming_up[LONG], warming_up[SHORT]
    assert nearly_all(at_the_end_of_warmup(long, LONG) < 1.5)
    assert nearly_all(at_the_end_of_warmup(long, LONG) > 0.9)
    assert nearly_all(~(at_the_end_of_warmup(short, SHORT) < 4))


def test_on_the_way_it_rides_on_the_falling_edge(warming_up):
    """Not far ahead of it: the edge comes down on the sharpness and pushes it along."""
    ramp = (warming_up[LONG].at > LONG / 2) & (warming_up[LONG].at <= LONG)
    on_the_way = np.median(ratio(warming_up[LONG])[:, 0, ramp], axis=-1)
    assert ((on_the_way > 0.9) & (on_the_way < 1.5)).all()


def test_the_smaller_the_batch_the_further_below_the_edge(seeds):
    late = np.array([late_ratio(one)[:, 0] for one in sharpness_recipes.minibatches(seeds).values()])
    assert BATCH_SIZES[:3] == (8, 20, 50)
    assert nearly_all((np.diff(late[:3], axis=0) > 0).all(axis=0))
    assert (late[0] < 0.75).all()
    assert (late[1] < 0.95).all()
    assert ((late[2] > 0.85) & (late[2] < 1.1)).all()
    assert ((late[3:] > 0.9) & (late[3:] < 1.15)).all()


def test_strong_momentum_stays_below_its_edge(seeds):
    """The loss is nearly gone when the sharpness has not yet arrived, and then it hardly rises any more."""
    measured = sharpness_recipes.large_momentum(seeds)
    late, loss = late_ratio(measured), measured.record.loss
    assert late.shape[1] == len(MOMENTUM_RATES)
    assert (late[:, :2] < 0.8).all()
    assert most(late[:, 2] < 1)
    assert nearly_all(late[:, 3] < 1)
    assert (loss[:, 1:, -1] < 0.02 * loss[:, 1:, 0]).all()
    last_quarter = measured.value[:, 1:, -1] / measured.value[:, 1:, -len(measured.at) // 4]
    assert nearly_all(last_quarter < 1.1)


def test_with_the_usual_rho_rmsprop_hovers_higher(hovering, seeds):
    """P, with a shorter memory, is less still than the formula has it."""
    rate, net = SETTINGS["rmsprop"].rates[0], sharpness_recipes.net()
    measured = along_run(net, "rmsprop", constant(rate), STEPS, every=20, seeds=seeds, tolerance=1e-3)
    usual, longer = late_ratio(measured)[:, 0], late_ratio(hovering["rmsprop"])[:, 0]
    assert nearly_all((usual > 1.0) & (usual < 1.25))
    assert most(usual > longer)


def test_with_cross_entropy_there_is_no_edge_to_be_seen(seeds):
    measured = sharpness_recipes.cross_entropy(seeds)
    assert (late_ratio(measured) < 0.1).all()
    assert (measured.value[..., -1] < measured.value[..., 0] / 3).all()


def test_the_raised_rate_is_raised_once():
    rate = sharpness_recipes.raised([0], factor=2, rate=0.1).record.rate[0]
    assert (rate[:RAISED_AT] == 0.1).all()
    assert (rate[RAISED_AT:] == 0.2).all()


@pytest.mark.parametrize(
    "make",
    [
        sharpness_recipes.figure_e,
        sharpness_recipes.warmups,
        sharpness_recipes.why_warmup_works,
        sharpness_recipes.minibatches,
        sharpness_recipes.large_momentum,
        sharpness_recipes.cross_entropy,
    ],
)
def test_a_figure_that_is_stopped_starts_no_further_run(make):
    starts_no_further_run(make)


def test_a_single_run_that_a_slider_stops_comes_back_as_it_is():
    measured = sharpness_recipes.raised([0], on_step=lambda done, total, record: done == 7)
    assert measured.record.steps_done.tolist() == [[7]]


@pytest.mark.parametrize("argument", ["factor", "rate"])
def test_bad_input_is_refused(argument):
    with pytest.raises(ValueError, match=f"{argument} must be above 0, but 0 came"):
        sharpness_recipes.raised([0], **{argument: 0})
