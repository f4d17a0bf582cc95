"""The self-checks of what is read off a sweep: the best rate (D1) and the largest usable one (Figure 8)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number
from stability_ref.exercises.verdicts import STOPS, Case, Exercise, Usual, Verdict, judge, stops_with, tell

Array = np.ndarray


def check_best_rate(function: Callable[[Array, Array], Any]) -> Verdict:
    """Compare your best_rate(rates, results) with clause D1 on small sweeps, and say what goes wrong.

    Args:
        function: yours; it gets rates and final losses, arrays of shape (R,), and returns lr*.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_best_rate(lambda rates, results: rates[results.argmin()])
        Not yet: a trial that ended in NaN won. To NumPy's argmin NaN is the smallest of all.
    """
    verdict = Verdict(True, "Right: the best result decides, and a trial that diverged never wins.")
    for rates, losses, best, says in _SWEEPS:
        try:
            answer = function(np.array(rates), np.array(losses))
            is_right = np.ndim(answer) == 0 and bool(answer == best)
        except STOPS as error:
            verdict = Verdict(False, f"Not yet: {stops_with(error)}")
            break
        if not is_right:
            verdict = Verdict(False, f"Not yet: {says}")
            break
    return tell(verdict)


def check_largest_usable_rate(largest: Callable[..., Any]) -> Verdict:
    """Compare how you read a sweep off: the largest rate up to which every rate can be used (Figure 8).

    Args:
        largest: your largest(rates, usable) -> the largest rate that is usable and below which all others are
            usable too, or None if the smallest rate is not. rates and usable (True or False) are arrays of
            shape (R,), in any order.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_largest_usable_rate(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda rates, usable: rates[usable].max()
        ... )
        Not yet: where 0.01 and 0.1 are usable, 1 is not, and 10 is, it answers 10, not 0.1. It looks like
        this mistake: A rate beyond the first failure counts: there chance decided, and it may fail tomorrow.
    """
    praise = "it stops below the first failure, whatever the order of the rates, and None is an answer."
    return tell(judge(largest, Exercise(_RATES, LARGEST, number, praise)))


_NAN = float("nan")
_NAN_WON = "a trial that ended in NaN won. To NumPy's argmin NaN is the smallest of all."
_SWEEPS: list[tuple[list[float], list[float], float, str]] = [  # rates, losses, lr*, what is wrong if not
    ([0.1, 0.2, 0.4], [0.5, 0.3, 0.9], 0.2, "it must return the rate whose loss is the smallest."),
    ([0.4, 0.1, 0.2], [0.9, 0.5, 0.3], 0.2, "the rates may come in any order, and each keeps its loss."),
    ([0.1, 0.2, 0.4], [0.5, 0.3, _NAN], 0.2, _NAN_WON),
    ([0.1, 0.2, 0.4], [_NAN, 0.3, 0.2], 0.4, _NAN_WON),
]

_RATES = [
    Case(
        "where 0.01 and 0.1 are usable, 1 is not, and 10 is",
        (np.array([0.01, 0.1, 1.0, 10.0]), np.array([True, True, False, True])),
        0.1,
    ),
    Case(
        "where 1 and 10 are not usable, and the rates come in the order 0.01, 10, 0.1, 1, 0.001",
        (np.array([0.01, 10.0, 0.1, 1.0, 0.001]), np.array([True, False, True, False, True])),
        0.1,
    ),
    Case("where all rates up to 2 are usable", (np.array([0.5, 1.0, 2.0]), np.array([True] * 3)), 2.0, True),
    Case("where no rate is usable", (np.array([0.5, 1.0, 2.0]), np.array([False] * 3)), None, True),
    Case(
        "where all but the smallest rate are usable",
        (np.array([0.5, 1.0, 2.0]), np.array([False, True, True])),
        None,
        True,
    ),
]


def _up_to_the_first_failure(rates: Array, usable: Array) -> Array:
    """In the order given, which may be any."""
    return rates[np.logical_and.accumulate(usable)]


def _below_the_first_failure(rates: Array, usable: Array, default: Any = None) -> Any:
    kept = rates[rates < rates[~usable].min(initial=np.inf)]
    return kept.max() if kept.size else default


_ISLAND = "A rate beyond the first failure counts: there chance decided, and it may fail tomorrow."
_IN_ORDER = "It takes the rates in the order in which they come, which may be any: sort them first."
LARGEST = [
    Usual(_ISLAND, lambda rates, usable: rates[usable].max()),
    Usual(_ISLAND, lambda rates, usable: rates[usable][-1]),
    Usual(_IN_ORDER, lambda rates, usable: _up_to_the_first_failure(rates, usable)[-1]),
    Usual(_IN_ORDER, lambda rates, usable: _up_to_the_first_failure(rates, usable).max()),
    Usual(_IN_ORDER, lambda rates, usable: rates[np.argmin(usable) - 1]),
    Usual(
        "It is the place of the rate that is returned.",
        lambda rates, usable: np.argmin(usable[np.argsort(rates)]) - 1,
    ),
    Usual("It is the place of the rate that is returned.", lambda rates, usable: np.argmin(usable) - 1),
    Usual(
        "It takes the smallest rate that fails, and not the one below it.",
        lambda rates, usable: rates[~usable].min(),
    ),
    Usual(
        "It counts the usable rates, and one beyond the first failure counts too.",
        lambda rates, usable: np.sort(rates)[usable.sum() - 1],
    ),
    Usual("It takes the smallest usable rate.", lambda rates, usable: rates[usable].min()),
    Usual("It takes the largest rate of all, usable or not.", lambda rates, usable: rates.max()),
    Usual(
        "Where no rate fails there is no smallest failure; then all rates are usable.",
        lambda rates, usable: rates[rates < rates[~usable].min()].max(),
    ),
    Usual(
        "Where no rate fails, argmin finds the first; then all rates are usable.",
        lambda rates, usable: max(np.sort(rates)[: np.argmin(usable[np.argsort(rates)])], default=None),
    ),
    Usual(
        "The place before the first is −1, and to Python that is the last: the largest rate.",
        lambda rates, usable: np.sort(rates)[np.argmin(usable[np.argsort(rates)]) - 1],
    ),
    Usual(
        "Where the smallest rate fails no rate is left; then the answer is None.",
        lambda rates, usable: _below_the_first_failure(rates, usable, default=0.0),
    ),
]
