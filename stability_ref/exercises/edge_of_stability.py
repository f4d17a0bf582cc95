"""The self-checks of the edge of stability: which rate a sharpness bears, and whether a warmup stays safe."""

from collections.abc import Callable
from itertools import product as pairs
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell
from stability_ref.sharpness import EDGES

Array = np.ndarray


def check_largest_stable_rate(largest_rate: Callable[..., Any]) -> Verdict:
    """Compare the rate up to which Momentum is stable with the inverse of its edge (playbook E).

    Args:
        largest_rate: your largest_rate(sharpness, gamma) -> the rate at which that sharpness, above 0, lies
            exactly on Momentum's edge.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_largest_stable_rate(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda sharpness, gamma: 2 / sharpness
        ... )
        Not yet: with a sharpness of 20 and γ = 0.9, it answers 0.1, not 0.19. It looks like this mistake:
        This is gradient descent's largest rate, 2/h; Momentum bears 1 + γ times as much.
    """
    praise = "at this rate the sharpness lies on Momentum's edge, and any larger rate diverges."
    cases = [
        _rate_case("with a sharpness of 20 and γ = 0.9", 20.0, 0.9),
        _rate_case("with a sharpness of 8 and γ = 0.5", 8.0, 0.5),
        _rate_case("with γ = 0, which is gradient descent", 5.0, 0.0, special=True),
    ]
    return tell(judge(largest_rate, Exercise(cases, LARGEST_RATES, number, praise)))


def check_safe_warmup(first_crossing: Callable[..., Any]) -> Verdict:
    """Compare where you find that the sharpness of a run crosses gradient descent's edge 2/η (playbook E).

    Ours: a sharpness of NaN counts as above the edge. It is what a run leaves that is lost, and a warmup that
    loses the run is not safe. At a rate of 0 the edge is infinite.

    Args:
        first_crossing: your first_crossing(sharpness, rates) -> the first step t, from 0, at which the
            sharpness exceeds 2/η, or None if it never does. Both are arrays of shape (T,), and rates may
            start at 0.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_safe_warmup(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda sharpness, rates: np.argmax(sharpness * rates > 2)
        ... )
        Not yet: where the sharpness stays below the edge, it answers 0, not None. It looks like this mistake:
        Where nothing crosses, argmax finds step 0, which is a step like others; the answer is None.
    """
    praise = "it is the first step above the edge; a run that is lost counts, and None says that all is safe."
    return tell(judge(first_crossing, Exercise(_SERIES, CROSSINGS, number, praise)))


def _rate_case(where: str, sharpness: float, gamma: float, special: bool = False) -> Case:
    """The edge is a constant over the rate, so that the rate is the same constant over the sharpness."""
    edge: Callable[..., Any] = EDGES["momentum"]
    return Case(where, (sharpness, gamma), float(edge(sharpness, gamma)), special)


LARGEST_RATES = [
    Usual(
        "This is gradient descent's largest rate, 2/h; Momentum bears 1 + γ times as much.",
        lambda h, gamma: 2 / h,
    ),
    Usual(
        "This is Nesterov's largest rate; its extra 1 + 2γ comes from the look-ahead, which Momentum lacks.",
        lambda h, gamma: (2 + 2 * gamma) / ((1 + 2 * gamma) * h),
    ),
    Usual("The 2 is missing: the edge is 2 (1 + γ) / η.", lambda h, gamma: (1 + gamma) / h),
    Usual(
        "It keeps the effective rate η / (1 − γ) below 2/h. At the edge the steps alternate and cancel in "
        "the velocity: Momentum bears more there, not less.",
        lambda h, gamma: 2 * (1 - gamma) / h,
    ),
    Usual(
        "It divides by 1 − γ, and the factor of Momentum's edge is 1 + γ.",
        lambda h, gamma: 2 / ((1 - gamma) * h),
    ),
    Usual(
        "This edge is Adam's, whose velocity is an average; Momentum's is a sum, without 1 − γ.",
        lambda h, gamma: (2 + 2 * gamma) / ((1 - gamma) * h),
    ),
    Usual("The factor is 2 + 2γ: one 2 is missing.", lambda h, gamma: (2 + gamma) / h),
    Usual("At 1/h gradient descent is fastest; this is not where it diverges.", lambda h, gamma: 1 / h),
    Usual("γ is given; it is not always 0.9.", lambda h, gamma: 3.8 / h),
    Usual("The sharpness is not used: the sharper, the smaller is the rate.", lambda h, gamma: 2 + 2 * gamma),
    Usual(
        "It multiplies by the sharpness: the sharper, the smaller is the rate.",
        lambda h, gamma: (2 + 2 * gamma) * h,
    ),
    Usual("The quotient is upside down.", lambda h, gamma: h / (2 + 2 * gamma)),
    Usual("The brackets are missing: all of 2 + 2γ is divided.", lambda h, gamma: 2 + 2 * gamma / h),
    Usual("The brackets are missing: all of 2 + 2γ is divided.", lambda h, gamma: 2 / h + 2 * gamma),
]

_NAN = float("nan")
_SERIES = [
    Case(
        "where the rate climbs from 0 faster than the sharpness falls",
        (np.array([9.0, 9.0, 9.0, 8.0, 6.0, 4.25]), np.array([0.0, 0.0625, 0.125, 0.25, 0.375, 0.5])),
        4,
    ),
    Case(
        "where the rate is 0.5, and the sharpness lies on the edge once and above it four times",
        (np.array([1.0, 4.0, 3.0, 5.0, 7.0, 3.0, 4.5, 8.0]), np.full(8, 0.5)),
        3,
    ),
    Case(
        "where the sharpness stays below the edge",
        (np.array([9.0, 5.0, 4.0, 3.0]), np.array([0.0, 0.125, 0.25, 0.375])),
        None,
        special=True,
    ),
    Case(
        "where the sharpness is NaN from step 2 on",
        (np.array([3.0, 4.0, _NAN, _NAN]), np.array([0.0, 0.125, 0.25, 0.25])),
        2,
        special=True,
    ),
    Case(
        "where it is above the edge at step 0, and never again",
        (np.array([9.0, 3.0, 2.0]), np.full(3, 0.5)),
        0,
        special=True,
    ),
]


def _above(sharpness: Array, rates: Array) -> Array:
    """Without a division, which a rate of 0 would not bear; NaN is not below."""
    return ~(sharpness * rates <= 2)


def _without_nan(sharpness: Array, rates: Array) -> Array:
    return sharpness * rates > 2


def _first(above: Array, default: Any = None) -> Any:
    return np.argmax(above) if above.any() else default


_OTHER_STEP = "Sharpness and rate are those of different steps."
_NONE = "Where nothing crosses the answer is None; a number would be taken for a step."
CROSSINGS = [
    Usual("It compares with 1/η, which is half of the edge.", lambda h, eta: _first(h * eta > 1)),
    Usual(
        "This is Momentum's edge at γ = 0.9; 2/η is gradient descent's.", lambda h, eta: _first(h * eta > 3.8)
    ),
    Usual(_OTHER_STEP, lambda h, eta: _first(h[:-1] * eta[1:] > 2)),
    Usual(_OTHER_STEP, lambda h, eta: _first(h[1:] * eta[:-1] > 2)),
    Usual(_OTHER_STEP, lambda h, eta: _first(h[1:] * eta[:-1] > 2) + 1),
    Usual("Steps count from 0; it counts from 1.", lambda h, eta: _first(h * eta > 2) + 1),
    Usual("It answers the step before the crossing.", lambda h, eta: _first(h * eta > 2) - 1),
    Usual(
        "A sharpness of exactly 2/η counts; only what exceeds the edge grows.",
        lambda h, eta: _first(h * eta >= 2),
    ),
    Usual(
        "It takes the last crossing, and the run was unstable before.",
        lambda h, eta: np.flatnonzero(h * eta > 2)[-1],
    ),
    Usual("It takes the step at which the sharpness is largest.", lambda h, eta: np.argmax(h)),
    Usual("It takes the step at which the sharpness is farthest above.", lambda h, eta: np.argmax(h * eta)),
    Usual("It counts the steps above the edge.", lambda h, eta: np.sum(h * eta > 2)),
    Usual("It takes the sharpness at the crossing, not its step.", lambda h, eta: h[_first(h * eta > 2)]),
    Usual("It takes the rate at the crossing, not its step.", lambda h, eta: eta[_first(h * eta > 2)]),
    Usual("It takes the first step below the edge.", lambda h, eta: _first(h * eta <= 2)),
    Usual("It takes the first step below the edge.", lambda h, eta: _first(h * eta < 2)),
    Usual(
        "Python's own numbers refuse to divide by 0. There the edge is infinite; sharpness · η > 2 needs no "
        "division.",
        lambda h, eta: next(t for t in range(len(h)) if h.tolist()[t] > 2 / eta.tolist()[t]),
    ),
    *(
        Usual(
            "Where nothing crosses, argmax finds step 0, which is a step like others; the answer is None.",
            lambda h, eta, above=above: np.argmax(above(h, eta)),
        )
        for above in (_above, _without_nan)
    ),
    *(
        Usual(_NONE, lambda h, eta, above=above, default=default: _first(above(h, eta), default(h)))
        for above, default in pairs((_above, _without_nan), (lambda h: -1, len, lambda h: np.inf))
    ),
    *(
        Usual(
            "Step 0 is a crossing like others, but to Python 0 is as good as nothing: ask for `is None`.",
            lambda h, eta, above=above: _first(above(h, eta)) or None,
        )
        for above in (_above, _without_nan)
    ),
    Usual(
        "NaN exceeds nothing, so a run that is lost counts as safe. Here NaN counts as above the edge.",
        lambda h, eta: _first(_without_nan(h, eta)),
    ),
]
