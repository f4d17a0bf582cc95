"""The self-check of the span of usable rates, by which fixes are compared: clauses X1–X6."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell

Array = np.ndarray


def check_usable_span(span: Callable[..., Any]) -> Verdict:
    """Compare how you measure the span of usable rates with ours (playbook X1–X6).

    Ours: a rate is usable if its error is at most twice the smallest, and the span is the largest usable rate
    over the smallest. The wider it is, the less a badly chosen rate costs.

    Args:
        span: your span(rates, errors) -> that quotient, or None where every run diverged. rates and errors
            are arrays of shape (R,), in any order; an error is NaN where the run diverged.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_usable_span(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda rates, errors: rates[~np.isnan(errors)].max() / rates[~np.isnan(errors)].min()
        ... )
        Not yet: with errors of 0.9, 0.16, 0.1, 0.2, 0.35 and NaN at rates from 0.01 to 20, it answers
        200, not 10. It looks like this mistake: Every rate counts that did not diverge, however large its
        error.
    """
    praise = "it spans the rates that cost at most twice the smallest error, and NaN is nobody's error."
    return tell(judge(span, Exercise(_SWEEPS, SPANS, number, praise)))


_NAN = float("nan")
_SWEEPS = [
    Case(
        "with errors of 0.9, 0.16, 0.1, 0.2, 0.35 and NaN at rates from 0.01 to 20",
        (np.array([0.01, 0.1, 0.4, 1.0, 2.0, 20.0]), np.array([0.9, 0.16, 0.1, 0.2, 0.35, _NAN])),
        10.0,
    ),
    Case(
        "with errors of 0.05, 0.8, 0.04, 0.1 and 0.07 at the rates 0.8, 6.4, 0.4, 0.05 and 0.1",
        (np.array([0.8, 6.4, 0.4, 0.05, 0.1]), np.array([0.05, 0.8, 0.04, 0.1, 0.07])),
        8.0,
    ),
    Case(
        "where a single rate is usable",
        (np.array([0.1, 0.2, 0.4]), np.array([0.9, 0.1, _NAN])),
        1.0,
        special=True,
    ),
    Case("where every run diverged", (np.array([0.1, 0.2, 0.4]), np.full(3, _NAN)), None, special=True),
]


def _over(usable: Callable[..., Any], largest: Any = np.max, smallest: Any = np.min) -> Callable[..., Any]:
    """The span where something else is called usable."""
    return lambda rates, errors: largest(rates[usable(errors)]) / smallest(rates[usable(errors)])


def _twice(errors: Array) -> Array:
    return errors <= 2 * np.nanmin(errors)


_right_span = _over(_twice)
_FIRST = "The rates may come in any order: the first usable one is not always the smallest."
_ALL_NAN = "Where every run diverged there is no smallest error: the answer is None."
SPANS = [
    Usual(
        "Every rate counts that did not diverge, however large its error.",
        _over(lambda errors: ~np.isnan(errors)),
    ),
    Usual("Every rate of the sweep counts, usable or not.", lambda rates, errors: rates.max() / rates.min()),
    Usual(
        "A rate with exactly twice the smallest error is left out: at most twice allows it.",
        _over(lambda errors: errors < 2 * np.nanmin(errors)),
    ),
    *(
        Usual(
            "The limit is twice the smallest error, and not another share of it.",
            _over(lambda errors, share=share: errors <= share * np.nanmin(errors)),
        )
        for share in (1.1, 1.25, 1.5, 3, 10)
    ),
    Usual(
        "The limit is twice the smallest error, not twice the median.",
        _over(lambda errors: errors <= 2 * np.nanmedian(errors)),
    ),
    *(
        Usual(
            "One NaN makes the smallest error NaN, and nothing is at most NaN: nanmin passes over it.",
            span,
        )
        for span in (
            _over(lambda errors: errors <= 2 * errors.min()),
            _over(lambda errors: errors <= 2 * errors.min(), max, min),
        )
    ),
    Usual(
        "NaN counts as usable: it is not above the limit, and not below it either.",
        _over(lambda errors: ~(errors > 2 * np.nanmin(errors))),
    ),
    Usual(_FIRST, lambda rates, errors: rates[_twice(errors)][-1] / rates[_twice(errors)][0]),
    Usual(
        "It stops at the best rate: the usable ones beyond it count too.",
        lambda rates, errors: rates[np.nanargmin(errors)] / rates[_twice(errors)].min(),
    ),
    Usual(
        "It starts at the best rate: the usable ones below it count too.",
        lambda rates, errors: rates[_twice(errors)].max() / rates[np.nanargmin(errors)],
    ),
    Usual(
        "It is the largest usable rate alone: divide by the smallest.",
        lambda rates, errors: rates[_twice(errors)].max(),
    ),
    Usual(
        "It is a difference of rates; rates are compared by their quotient.",
        lambda rates, errors: np.ptp(rates[_twice(errors)]),
    ),
    Usual("The quotient is upside down.", lambda rates, errors: 1 / _right_span(rates, errors)),
    Usual(
        "It counts decades, the logarithm of the span.",
        lambda rates, errors: np.log10(_right_span(rates, errors)),
    ),
    Usual(
        "It counts doublings, the logarithm of the span.",
        lambda rates, errors: np.log2(_right_span(rates, errors)),
    ),
    Usual(
        "It counts the usable rates, which depends on how close together you tried them.",
        lambda rates, errors: _twice(errors).sum(),
    ),
    Usual(
        "It divides errors; the span is one of rates.",
        lambda rates, errors: errors[_twice(errors)].max() / np.nanmin(errors),
    ),
    Usual(_ALL_NAN, _right_span),
    Usual(_ALL_NAN, _over(_twice, max, min)),
    *(
        Usual(
            _ALL_NAN,
            lambda rates, errors, default=default: (
                default if np.isnan(errors).all() else _right_span(rates, errors)
            ),
        )
        for default in (0.0, 1.0, _NAN, np.inf)
    ),
]
