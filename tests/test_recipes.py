"""What the captions of lesson 03 claim, over seeds: orderings and counts, never a diverged number.

The clauses D3, D6, S3 and X1, and Figures 4 and 5.
"""

import numpy as np
import pytest
from claims import most, nearly_all, starts_no_further_run

from stability_ref import recipes
from stability_ref.diagnosis import significant_instability


@pytest.fixture(scope="module")
def sweep(seeds):
    return recipes.figure_4(seeds)


@pytest.fixture(scope="module")
def crosses(sweep):
    return {
        label: significant_instability(record.loss, record.loss[:, :1]) for label, record in sweep.items()
    }


@pytest.fixture(scope="module")
def twice(seeds):
    return recipes.figure_5(seeds)


def error(sweep, label, place):
    return sweep[label].final_test_error[:, place]


def test_all_start_from_the_same_loss(sweep):
    first = [record.loss[:, 0, 0] for record in sweep.values()]
    np.testing.assert_allclose(first[1:], [first[0]] * 2, rtol=1e-9)


def test_at_the_smallest_rates_the_twin_is_better(sweep):
    for place in (0, 1):
        assert (error(sweep, "sick twin", place) < error(sweep, "standard net", place)).all()


def test_at_the_large_rate_the_twin_is_unstable_and_worse(sweep, crosses):
    assert crosses["sick twin"][:, recipes.LARGE :].all()
    ratio = error(sweep, "sick twin", recipes.LARGE) / error(sweep, "standard net", recipes.LARGE)
    assert (ratio > 1).all()
    assert np.median(ratio) > 1.5


def test_there_the_standard_net_is_stable(crosses):
    assert not crosses["standard net"][:, : recipes.LARGE + 2].any()


def test_warmup_saves_the_twin_at_the_large_rate(sweep, crosses):
    assert not crosses["sick twin + warmup"][:, : recipes.LARGE + 1].any()
    healed, hurt = (error(sweep, label, recipes.LARGE) for label in ("sick twin + warmup", "sick twin"))
    assert nearly_all(healed < hurt)


def test_one_rate_further_warmup_decides_between_training_and_none(sweep):
    place = recipes.LARGE + 1
    assert (error(sweep, "sick twin", place) > 5 * error(sweep, "sick twin + warmup", place)).all()
    assert (error(sweep, "sick twin + warmup", place) < 0.1).all()


def test_the_best_rate_of_the_twin_is_below_its_first_cross(sweep, crosses):
    best = np.median(sweep["sick twin"].final_test_error, axis=0).argmin()
    most_crossed = crosses["sick twin"].mean(axis=0) > 0.5
    assert best < most_crossed.argmax()


def test_the_loss_shoots_up_within_ten_steps_and_comes_back(sweep):
    loss = sweep["sick twin"].loss[:, recipes.LARGE]
    assert most(loss[:, :10].max(axis=-1) > 4 * loss[:, 0])
    assert most(loss[:, -20:].mean(axis=-1) < loss[:, 0])


def test_at_the_smallest_rate_no_loss_goes_up(crosses):
    assert not any(unstable[:, 0].any() for unstable in crosses.values())


def test_sparse_evaluations_show_nothing_and_frequent_ones_the_spike(twice):
    sparse, frequent = twice["sick twin"]
    start = frequent.train_loss[:, 0, 0]
    assert most(sparse.train_loss[:, 0, 1:].max(axis=-1) < start)
    assert most(frequent.train_loss[:, 0].max(axis=-1) > 5 * start)
    assert most(frequent.train_loss[:, 0, :11].max(axis=-1) > 3 * start)


def test_the_standard_net_shows_nothing_in_either(twice):
    for record in twice["standard net"]:
        start = record.train_loss[:, 0, :1]
        assert (record.train_loss[:, 0] <= 1.01 * start).all()


def test_both_evaluations_are_of_one_and_the_same_run(twice):
    for sparse, frequent in twice.values():
        at_50 = sparse.train_loss[:, 0, list(sparse.evaluated_at).index(50)]
        np.testing.assert_array_equal(frequent.train_loss[:, 0, 50], at_50)


def test_a_figure_that_is_stopped_starts_no_further_run():
    starts_no_further_run(recipes.figure_4)


def test_the_large_rate_is_between_four_and_five_times_the_twin_s_best(sweep):
    best = recipes.RATES[np.median(sweep["sick twin"].final_test_error, axis=0).argmin()]
    assert 4 < recipes.RATES[recipes.LARGE] / best < 5
