"""The self-checks of comparisons in which everybody is tuned: two optimizers (X3), batch sizes (B2, B5)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number, numbers
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell
from stability_ref.exercises.wrong_bests import BESTS, medians

Array = np.ndarray


def check_fair_comparison(gain: Callable[..., Any]) -> Verdict:
    """Compare how you compare two optimizers with ours: each at its own best learning rate (playbook X3).

    Ours: a run that diverged counts as error 1, nothing right. The error at a rate is the median over the
    seeds, an optimizer's best rate is the one with the smallest such median, and the gain is the quotient of
    the two optimizers' medians, each at its own best rate.

    Args:
        gain: your gain(momentum_errors, adam_errors) -> how many times smaller Adam's error is, above 1 where
            Adam is better. The errors are arrays of shape (seeds, rates), NaN where a run diverged; each
            optimizer has rates of its own, and not always equally many.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_fair_comparison(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda momentum_errors, adam_errors: np.nanmin(momentum_errors) / np.nanmin(adam_errors)
        ... )
        Not yet: with five seeds and three rates each, where some runs diverged, it answers 1, not 2.
        It looks like this mistake: The best single run wins, which is the luck of one seed: take the median
        over the seeds first.
    """
    praise = "each optimizer stands at its own best rate, and a seed that diverged counts against it."
    return tell(judge(gain, Exercise(_COMPARED, COMPARISONS, number, praise)))


def check_tuned_error(tuned: Callable[..., Any]) -> Verdict:
    """Compare how you compare batch sizes with ours: each at its own best learning rate (playbook B2, B5).

    Ours: a run that diverged counts as error 1, nothing right; the error at a rate is the median over the
    seeds, and the best rate is the one with the smallest such median.

    Args:
        tuned: your tuned(errors) -> one number for each batch size, the median error at the rate that is best
            for that batch size. errors has the shape (batch sizes, rates, seeds), NaN where a run diverged.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_tuned_error(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda errors: np.nanmin(errors, axis=(1, 2))
        ... )
        Not yet: with three batch sizes, four rates and three seeds, it answers [0.1, 0.08, 0.07], not [0.12,
        0.11, 0.13]. It looks like this mistake: The best single run wins, which is the luck of one seed: take
        the median over the seeds first.
    """
    praise = "each batch size stands at its own best rate, which is the comparison that B5 is about."
    return tell(judge(tuned, Exercise(_TUNED, TUNINGS, numbers, praise)))


_NAN = float("nan")
_COMPARED = [
    Case(
        "with five seeds and three rates each, where some runs diverged",
        (
            np.array(
                [
                    [0.30, 0.20, _NAN],
                    [0.32, 0.24, 0.08],
                    [0.34, 0.26, 0.12],
                    [0.36, 0.28, _NAN],
                    [0.41, 0.90, _NAN],
                ]
            ),
            np.array(
                [
                    [0.50, 0.17, 0.08],
                    [0.52, 0.18, 0.11],
                    [0.54, 0.20, 0.13],
                    [0.57, 0.22, 0.16],
                    [0.61, 0.25, _NAN],
                ]
            ),
        ),
        2.0,
    ),
    Case(
        "with three seeds, three rates for Momentum and four for Adam",
        (
            np.array([[0.50, 0.21, 0.30], [0.48, 0.16, 0.33], [0.54, 0.20, 0.27]]),
            np.array([[0.40, 0.60, 0.70, 0.90], [0.38, 0.64, 0.75, 0.88], [0.45, 0.61, 0.72, 0.85]]),
        ),
        0.5,
    ),
    Case(
        "where most seeds diverged at every rate of Momentum",
        (
            np.array([[0.30, _NAN], [_NAN, _NAN], [_NAN, 0.40]]),
            np.array([[0.25, 0.50], [0.24, 0.60], [0.28, _NAN]]),
        ),
        4.0,
        special=True,
    ),
]

_TUNED = [
    Case(
        "with three batch sizes, four rates and three seeds",
        (
            np.array(
                [
                    [[0.30, 0.33, 0.37], [0.10, 0.12, 0.17], [0.20, 0.25, 0.90], [0.40, _NAN, _NAN]],
                    [[0.40, 0.45, 0.48], [0.21, 0.24, 0.26], [0.11, 0.09, _NAN], [0.08, 0.13, _NAN]],
                    [[0.60, 0.62, 0.67], [0.34, 0.38, 0.41], [0.12, 0.13, 0.19], [0.07, _NAN, _NAN]],
                ]
            ),
        ),
        np.array([0.12, 0.11, 0.13]),
    ),
    Case(
        "with two batch sizes, three rates and five seeds",
        (
            np.array(
                [
                    [
                        [0.18, 0.20, 0.21, 0.25, 0.30],
                        [0.27, 0.28, 0.31, 0.35, 0.50],
                        [0.6, 0.6, 0.7, 0.7, 0.9],
                    ],
                    [
                        [0.33, 0.36, 0.38, 0.41, 0.44],
                        [0.24, 0.26, 0.29, 0.32, 0.37],
                        [0.3, 0.4, 0.4, 0.5, 0.8],
                    ],
                ]
            ),
        ),
        np.array([0.21, 0.29]),
    ),
    Case(
        "where most seeds diverged at every rate of the second batch size",
        (
            np.array(
                [
                    [[0.20, 0.30, 0.25], [0.40, _NAN, 0.50]],
                    [[0.30, _NAN, _NAN], [_NAN, _NAN, 0.40]],
                ]
            ),
        ),
        np.array([0.25, 1.0]),
        special=True,
    ),
]


def _quotient(best: Callable[[Array], Any]) -> Callable[[Array, Array], Any]:
    """What is compared is one number for each optimizer."""
    return lambda momentum, adam: best(momentum) / best(adam)


def _for_each(best: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """One number for each batch size."""
    return lambda errors: np.array([best(one.T) for one in errors])


def _at_one_place(whose: int) -> Callable[[Array, Array], Any]:
    """Both at the place of Momentum's (0) or Adam's (1) best rate."""

    def gain(momentum: Array, adam: Array) -> Any:
        place = medians((momentum, adam)[whose]).argmin()
        return medians(momentum)[place] / medians(adam)[place]

    return gain


def _at(places: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """Each batch size at the rate whose place is chosen in another way."""

    def tuned(errors: Array) -> Array:
        table = np.array([medians(one.T) for one in errors])
        sizes = np.arange(len(table))
        return table[sizes, places(table) + 0 * sizes]

    return tuned


_best = _quotient(lambda errors: medians(errors).min())
_ONE_PLACE = "Both stand at the place of one optimizer's best rate; each has a best rate of its own."
_ONE_RATE = "One rate stands for all batch sizes; B2 tunes each by itself."
COMPARISONS = [
    *(Usual(_ONE_PLACE, _at_one_place(whose)) for whose in (0, 1)),
    Usual(_ONE_PLACE, lambda momentum, adam: (medians(momentum) / medians(adam)).max()),
    *(Usual(says, _quotient(best)) for says, best in BESTS),
    Usual("The quotient is upside down: above 1 must mean that Adam is better.", lambda m, a: _best(a, m)),
    Usual(
        "It is a difference; how many times smaller is a quotient.",
        lambda momentum, adam: medians(momentum).min() - medians(adam).min(),
    ),
    Usual("It is the share that is saved, not how many times smaller.", lambda m, a: 1 - _best(a, m)),
]
TUNINGS = [
    Usual(_ONE_RATE, _at(lambda table: table[0].argmin())),
    Usual(_ONE_RATE, _at(lambda table: table[-1].argmin())),
    Usual(_ONE_RATE, _at(lambda table: table.mean(axis=0).argmin())),
    Usual(_ONE_RATE, _at(lambda table: table.min(axis=0).argmin())),
    Usual(
        "The first batch size's best rate grows with the batch size: that is a rule of thumb, not tuning.",
        _at(lambda table: np.minimum(table[0].argmin() + np.arange(len(table)), table.shape[1] - 1)),
    ),
    *(Usual(says, _for_each(best)) for says, best in BESTS),
    Usual(
        "It is the place of the best rate; the answer is the error there.",
        _for_each(lambda errors: medians(errors).argmin()),
    ),
    Usual(
        "It is the best of all batch sizes; each has a number of its own.",
        lambda errors: _for_each(lambda one: medians(one).min())(errors).min(),
    ),
]
