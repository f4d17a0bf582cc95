"""What a sweep of learning rates says about a workload: clauses D1, D2, D7 and D9 on plain arrays.

A sweep is R rates in any order and a table of results, (R,) or (S, R) for S seeds: losses or error rates, so
lower is better. A result that is not finite is a trial that diverged. Clause D3's criterion, the cross for a
trial whose training loss goes up, is `instability.significant_instability`.
"""

from typing import Any

import numpy as np

from stability_ref.checks import finite_numbers, require, whole_number

Array = np.ndarray
NEAR = 5.0  # D8 looks for instability at 5 times the peak; in Figure 7a it begins at 3.6 times the best rate
LOST = 0.5  # the share of the best trial's gain that an infeasible trial has lost, or more
ROUNDING = 1 + 1e-9  # so that two steps of a grid of factors 2 are a factor 4, however it was computed


def best_rate(rates: Any, results: Any) -> Any:
    """lr*, the learning rate with the best result (playbook D1).

    A result that is not finite never wins, and of equal results that of the lower rate does.

    Args:
        rates: learning rates, shape (R,), above 0, each once, in any order.
        results: lower is better, shape (..., R).

    Returns:
        The rate: a float, or an array of shape (...).

    Raises:
        ValueError: naming the argument; also if nowhere in a row is a finite result: there is no best rate.

    Example:
        >>> best_rate([0.1, 0.01, 1.0], results=[0.5, 0.9, np.nan])
        0.1
    """
    rates, results, _ = _sorted(rates, results)
    return _plain(rates[_best(results)])


def rates_above(rates: Any, best: float, count: int = 3) -> Array:
    """The rates just above lr*, whose training loss should be plotted (playbook D2).

    Args:
        rates: learning rates, shape (R,), above 0, each once, in any order.
        best: lr*, above 0; it need not be among the rates.
        count: how many, at least 1.

    Returns:
        At most `count` rates, ascending; fewer, or none, where the sweep ends: then it should reach further.

    Raises:
        ValueError: naming the argument.

    Example:
        >>> rates_above([0.1, 0.8, 0.4, 0.2], best=0.1, count=2)
        array([0.2, 0.4])
    """
    rates = np.sort(_rates(rates))
    one = finite_numbers("best", best, "a number above 0")
    require(one.ndim == 0 and one > 0, "best", "a number above 0", best)
    return rates[rates > best][: whole_number("count", count, minimum=1)]


def feasible(results: Any, *, rates: Any, untrained: Any) -> Array:
    """Which trials are feasible: not NaN, not inf and not uncharacteristically high (playbook D7).

    The playbook leaves "uncharacteristically high" open. Ours: the best trial's gain is what it is better
    than `untrained`; a trial is infeasible if it is worse than some lower rate's by more than half that gain.
    A rate that is merely too low is slow, but no lower rate does better: it stays feasible. Where no trial is
    better than `untrained`, none is feasible.

    Args:
        results: losses (or error rates), shape (..., R).
        rates: learning rates, shape (R,), above 0, each once, in any order.
        untrained: the result of having learnt nothing, one number or shape (...): that of guessing (log 10
            for ten classes), or if that is not known, the loss before the first step.

    Returns:
        True or False, shape (..., R), in the order of the rates given.

    Raises:
        ValueError: naming the argument.

    Example:
        >>> feasible([2.2, 0.9, 0.5, 0.6, 2.3, np.nan], rates=[1, 2, 4, 8, 16, 32], untrained=2.3)
        array([ True,  True,  True,  True, False, False])
    """
    rates, results, order = _sorted(rates, results)
    untrained = _untrained(untrained, results.shape[:-1])
    finite = np.isfinite(results)
    losses = np.where(finite, results, np.inf)
    gain = np.maximum(untrained - losses.min(axis=-1), 0)[..., None]
    high = losses > np.minimum.accumulate(losses, axis=-1) + LOST * gain
    verdict = np.empty(results.shape, dtype=bool)
    verdict[..., order] = finite & ~high & (gain > 0)
    return verdict


def at_the_edge(rates: Any, results: Any, feasible: Any) -> Any:
    """Whether the best rate lies at the edge of the feasible ones: the workload is unstable (playbook D7).

    Ours: it does if the next higher rate is infeasible, or one at most five times as large, where D8 looks.
    So the star of the playbook's Figure 7a is at the edge, although one feasible trial lies beyond it,
    whatever the spacing of the rates. Where no infeasible trial lies above the best, no edge was seen, and
    the answer is False.

    Args:
        rates: learning rates, shape (R,), above 0, each once, in any order.
        results: lower is better, shape (..., R); those of infeasible trials never win.
        feasible: True or False, shape (..., R), as from `feasible`.

    Returns:
        True or False, or an array of them of shape (...).

    Raises:
        ValueError: naming the argument; also if in some row no trial is feasible.

    Example:
        >>> rates, results = [1, 2, 4, 8, 16], np.array([0.9, 0.5, 0.6, np.nan, np.nan])
        >>> at_the_edge(rates, results, feasible=np.isfinite(results))
        True
    """
    rates, results, order = _sorted(rates, results)
    feasible = _true_or_false("feasible", feasible, results.shape)[..., order]
    best = _best(np.where(feasible, results, np.nan), "of a feasible trial, and finite, at one rate at least")
    return _plain(is_near(rates, best, ~feasible & _above(rates, best)))


def held_back(rates: Any, results: Any, unstable: Any) -> Any:
    """Whether instability forces too small a learning rate; only there does it matter (playbook D9).

    Any workload is unstable at some rate. Ours: it is held back if the best rate is itself unstable, or the
    next higher one is, or one at most five times as large. Where the lowest unstable rate is farther away, or
    the sweep has none, something else decides which rate is best, and stabilising has little to offer.

    Args:
        rates: learning rates, shape (R,), above 0, each once, in any order.
        results: lower is better, shape (..., R).
        unstable: True or False, shape (..., R), as from `instability.significant_instability`.

    Returns:
        True or False, or an array of them of shape (...).

    Raises:
        ValueError: naming the argument; also if nowhere in a row is a finite result.

    Example:
        >>> results = [0.9, 0.5, 0.6, 0.7, 0.8]
        >>> held_back([1, 2, 4, 8, 16], results, unstable=[False, False, True, True, True])
        True
        >>> held_back([1, 2, 4, 8, 16], results, unstable=[False, False, False, False, True])
        False
    """
    rates, results, order = _sorted(rates, results)
    unstable = _true_or_false("unstable", unstable, results.shape)[..., order]
    best = _best(results)
    here = np.take_along_axis(unstable, best[..., None], axis=-1)[..., 0]
    return _plain(here | is_near(rates, best, unstable & _above(rates, best)))


def is_near(rates: Array, best: Array, bad: Array) -> Array:
    """Whether the lowest bad rate above the best is the next one, or one at most five times as large (ours).

    Args:
        rates: learning rates, ascending, shape (R,).
        best: the place of the best rate, whole numbers of shape (...).
        bad: True or False, shape (..., R), and False up to the best.

    Returns:
        True or False, shape (...).

    Example:
        >>> print(is_near(np.array([1.0, 10.0, 100.0]), np.array(0), np.array([False, True, True])))
        True
    """
    place = bad.argmax(axis=-1)
    near = (place == best + 1) | (rates[place] <= NEAR * ROUNDING * rates[best])
    return bad.any(axis=-1) & near


def _above(rates: Array, best: Array) -> Array:
    return rates > rates[best][..., None]


def _best(results: Array, allowed: str = "finite at one rate at least") -> Array:
    """The place of the best of each row, the first of equals."""
    finite = np.isfinite(results)
    require(finite.any(axis=-1).all(), "results", allowed, results)
    return np.where(finite, results, np.inf).argmin(axis=-1)


def _sorted(rates: Any, results: Any) -> tuple[Array, Array, Array]:
    """Rates ascending, the results in that order, and the order itself."""
    rates = _rates(rates)
    allowed = f"a table with {len(rates)} results, one a rate, on its last axis"
    try:
        table = np.asarray(results)
    except ValueError:  # lists of different lengths
        table = np.array(None)
    is_table = table.dtype.kind in "fiu" and table.ndim and table.shape[-1] == len(rates)
    require(is_table and table.size, "results", allowed, results)
    order = np.argsort(rates)
    return rates[order], table.astype(float)[..., order], order


def _rates(rates: Any) -> Array:
    checked = finite_numbers("rates", rates, "a list of finite numbers above 0")
    require(checked.ndim == 1 and (checked > 0).all(), "rates", "a list of finite numbers above 0", rates)
    require(len(np.unique(checked)) == len(checked), "rates", "different from each other", rates)
    return checked


def _untrained(value: Any, seeds: tuple[int, ...]) -> Array:
    numbers = finite_numbers("untrained", value)
    require(numbers.shape in ((), seeds), "untrained", f"one number, or of shape {seeds}", numbers.shape)
    return numbers


def _true_or_false(argument: str, value: Any, shape: tuple[int, ...]) -> Array:
    table = np.asarray(value)
    require(table.dtype == bool, argument, "True or False for each result", value)
    require(table.shape == shape, argument, f"of shape {shape}, like results", table.shape)
    return table


def _plain(value: Array) -> Any:
    return value if np.ndim(value) else value.item()
