"""What a sweep says, on tables made by hand; the order of the rates never matters.

The clauses D1, D2, D7 and D9.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_ref.diagnosis.sweep import at_the_edge, best_rate, feasible, held_back, rates_above

RATES = 2.0 ** np.arange(8)
NAN, INF = np.nan, np.inf
UNTRAINED = 2.3

# The results of eight rates a factor 2 apart, which are feasible, and whether the best is at their edge.
SWEEPS = {
    "the playbook's Figure 7a": ([1.59, 1.54, 1.5, 1.48, 1.47, 1.49, NAN, NAN], 6, True),
    "the best is the last feasible": ([2.2, 1.5, 0.9, 0.5, 0.3, 0.2, INF, NAN], 6, True),
    "two feasible beyond the best": ([1.5, 0.9, 0.5, 0.3, 0.35, 0.4, NAN, NAN], 6, False),
    "no infeasible rate in the sweep": ([2.2, 1.5, 0.9, 0.5, 0.3, 0.2, 0.2, 0.3], 8, False),
    "collapsed to guessing": ([1.5, 0.9, 0.5, 0.3, 0.2, 0.3, 2.3, 2.3], 6, True),
    "slow rates that hardly learn": ([2.3, 2.29, 2.31, 2.28, 2.0, 0.9, 0.5, NAN], 7, True),
    "slow from a loss above guessing": ([19.0, 12.0, 7.0, 2.0, 0.5, 0.4, 2.3, NAN], 6, True),
    "finite, and absurdly high": ([1.5, 0.9, 0.5, 0.3, 0.2, 1e9, 1e12, NAN], 5, True),
    "only the lowest trains": ([0.5, NAN, NAN, NAN, NAN, NAN, NAN, NAN], 1, True),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps_made_by_hand(name):
    results, count, edge = SWEEPS[name]
    found = feasible(results, rates=RATES, untrained=UNTRAINED)
    assert found.tolist() == [True] * count + [False] * (8 - count)
    assert at_the_edge(RATES, results, found) is edge


@pytest.mark.parametrize("name", SWEEPS)
@given(order=st.permutations(range(8)))
def test_the_order_of_the_rates_never_matters(name, order):
    results, count, edge = SWEEPS[name]
    rates, results = RATES[order], np.array(results)[order]
    found = feasible(results, rates=rates, untrained=UNTRAINED)
    assert found.tolist() == (rates < RATES[0] * 2**count).tolist()
    assert at_the_edge(rates, results, found) is edge
    assert best_rate(rates, results) == best_rate(RATES, SWEEPS[name][0])
    assert held_back(rates, results, ~found) is edge
    np.testing.assert_array_equal(rates_above(rates, 4.0), [8, 16, 32])


def test_all_seeds_at_once_are_as_one_by_one():
    tables = np.array([results for results, _, _ in SWEEPS.values()])
    found = feasible(tables, rates=RATES, untrained=UNTRAINED)
    assert found.sum(axis=-1).tolist() == [count for _, count, _ in SWEEPS.values()]
    edges = [edge for _, _, edge in SWEEPS.values()]
    assert at_the_edge(RATES, tables, found).tolist() == edges
    assert held_back(RATES, tables, ~found).tolist() == edges
    assert best_rate(RATES, tables).tolist() == [best_rate(RATES, row) for row in tables]
    each_its_own = np.full(len(tables), UNTRAINED)
    np.testing.assert_array_equal(feasible(tables, rates=RATES, untrained=each_its_own), found)


def test_a_single_diverged_trial_among_good_ones_is_infeasible():
    results = [2.2, 0.9, 5.0, 0.3, 0.4]
    assert feasible(results, rates=RATES[:5], untrained=UNTRAINED).tolist() == [True, True, False, True, True]


def test_where_nothing_was_learnt_nothing_is_feasible():
    assert not feasible([2.4, 2.3, NAN], rates=[1, 2, 3], untrained=UNTRAINED).any()
    assert not feasible([NAN, NAN], rates=[1, 2], untrained=UNTRAINED).any()


@given(st.lists(st.floats(0.01, 1), min_size=8, max_size=8), st.floats(0.1, 10), st.floats(-5, 5))
def test_a_loss_has_no_natural_zero_or_unit(results, unit, zero):
    moved = feasible(unit * np.array(results) + zero, rates=RATES, untrained=unit * 1.5 + zero)
    gain = 1.5 - min(results)
    lowest = np.minimum.accumulate(results)
    clear = np.abs(results - (lowest + gain / 2)) > 1e-6  # rounding decides the others
    np.testing.assert_array_equal(moved[clear], feasible(results, rates=RATES, untrained=1.5)[clear])


@given(st.lists(st.floats(0, 2.2), min_size=1, max_size=8))
def test_a_slow_trial_is_feasible_whatever_its_loss(results):
    slow_to_fast = sorted(results, reverse=True)
    assert feasible(slow_to_fast, rates=RATES[: len(results)], untrained=UNTRAINED).all()


@pytest.mark.parametrize(
    ("results", "best"),
    [
        ([3.0, 1.0, 2.0], 2.0),
        ([3.0, NAN, 2.0], 4.0),
        ([NAN, INF, 2.0], 4.0),
        ([-INF, 1.0, 2.0], 2.0),
        ([1.0, 1.0, 1.0], 1.0),  # of equals the lower rate
        ([3, 1, 1], 2.0),
    ],
)
def test_the_best_rate(results, best):
    assert best_rate(RATES[:3], results) == best
    assert best_rate(RATES[2::-1], results[::-1]) == best


def test_the_edge_is_a_matter_of_rates_not_of_how_many_were_tried():
    """A factor of 4 on any grid, or the next trial on a coarse one."""
    fine = np.geomspace(1, 8, 31)
    for best, edge in {2.0: True, 1.5: False}.items():
        results = np.where(fine < 7.5, np.log(fine / best) ** 2, NAN)
        assert best_rate(fine, results) == pytest.approx(best, rel=0.05)
        assert at_the_edge(fine, results, np.isfinite(results)) is edge
    coarse = [1.0, 10.0, 100.0, 1000.0]
    assert at_the_edge(coarse, [0.9, 0.1, 9.0, 9.0], [True, True, False, False])
    assert not at_the_edge(coarse, [0.9, 0.1, 0.2, 9.0], [True, True, True, False])


def test_two_steps_of_a_grid_are_near_however_it_was_computed():
    rates = np.geomspace(1e-3, 1e-3 * 2**9, 10)
    results = np.where(np.arange(10) < 8, np.abs(np.arange(10) - 6.0), NAN)
    assert at_the_edge(rates, results, np.isfinite(results))


def test_an_infeasible_trial_is_never_the_best():
    results = [0.9, 0.5, 0.6, 0.1]
    assert at_the_edge(RATES[:4], results, [True, True, True, False])
    assert not at_the_edge(RATES[:4], results, [True, True, True, True])


def test_held_back_only_where_the_best_is_near_the_first_unstable_rate():
    results = [0.9, 0.5, 0.6, 0.7, 0.8, 0.9]
    for first, expected in enumerate([True, True, True, True, False, False]):
        assert held_back(RATES[:6], results, RATES[:6] == RATES[first]) is (expected and first > 0)
        assert held_back(RATES[:6], results, RATES[:6] >= RATES[first]) is expected
    assert held_back(RATES[:6], results, [False] * 6) is False


def test_fewer_rates_above_where_the_sweep_ends():
    assert rates_above(RATES, 32.0).tolist() == [64, 128]
    assert rates_above(RATES, 128.0).tolist() == []
    assert rates_above([3, 1, 2], best=1.5, count=1).tolist() == [2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_rate([], []), "rates must be a list"),
        (lambda: best_rate([1, 0], [1, 1]), "rates must be a list of finite numbers above 0"),
        (lambda: best_rate([1, NAN], [1, 1]), "rates must be a list of finite numbers above 0"),
        (lambda: best_rate([1, 1], [1, 1]), "rates must be different from each other"),
        (lambda: best_rate([1, 2], [1, 2, 3]), "results must be a table with 2 results, one a rate"),
        (lambda: best_rate([1, 2], [[1], [2, 3]]), "results must be a table"),
        (lambda: best_rate([1, 2], "ab"), "results must be a table"),
        (lambda: best_rate([1, 2], 3.0), "results must be a table"),
        (lambda: best_rate([1, 2], np.zeros((0, 2))), "results must be a table"),
        (lambda: best_rate([1, 2], [NAN, INF]), "results must be finite at one rate at least"),
        (lambda: best_rate([1, 2], [[1, 2], [NAN, NAN]]), "results must be finite at one rate"),
        (lambda: rates_above([1, 2], -1), "best must be a number above 0"),
        (lambda: rates_above([1, 2], [1, 2]), "best must be a number above 0"),
        (lambda: rates_above([1, 2], 1, count=0), "count must be a whole number of at least 1"),
        (lambda: feasible([1, 2], rates=[1, 2], untrained=NAN), "untrained must be a finite number"),
        (lambda: feasible([1, 2], rates=[1, 2], untrained=[1, 2]), "untrained must be one number"),
        (lambda: at_the_edge([1, 2], [1, 2], [1, 0]), "feasible must be True or False for each result"),
        (lambda: at_the_edge([1, 2], [1, 2], [True]), "feasible must be of shape .2,., like results"),
        (lambda: at_the_edge([1, 2], [1, 2], [False, False]), "results must be of a feasible trial"),
        (lambda: held_back([1, 2], [1, 2], True), "unstable must be of shape"),
        (lambda: held_back([1, 2], [NAN, NAN], [True, True]), "results must be finite at one rate"),
    ],
)
def test_refusals_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_comes_is_left_as_it_was():
    rates, results = RATES[::-1].copy(), np.array(SWEEPS["collapsed to guessing"][0][::-1])
    before = rates.copy(), results.copy()
    found = feasible(results, rates=rates, untrained=UNTRAINED)
    at_the_edge(rates, results, found)
    held_back(rates, results, ~found)
    np.testing.assert_array_equal(rates, before[0])
    np.testing.assert_array_equal(results, before[1])
