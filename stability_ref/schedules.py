r"""Learning-rate schedules: decays, and the warmup that is prepended to one (clauses S1–S4).

A schedule is a callable of the step t, an int or an array of ints, counted from 0. It broadcasts over an
array of base rates as NumPy does: base rates of shape (K, 1) and T steps give rates of shape (K, T).

    s = cosine(0.1, steps=10_000)
    eta = prepend_warmup(s, warmup_steps=1_000)      # 11,000 steps in all
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stability_ref.checks import finite_numbers, known, require, whole_number
from stability_ref.equations import printed

Schedule = Callable[[Any], Any]  # rate = schedule(t)
Rates = Any  # a float or an array of floats


@printed
def constant(base: Rates) -> Schedule:
    r"""The same rate at every step (playbook S2, S4).

    Equation (ours)::

        {equations}

    Args:
        base: the rate s_0, a finite number ≥ 0 or an array of them.

    Returns:
        The schedule, a callable of t.

    Raises:
        ValueError: naming the argument, if base is not finite or is negative.

    Example:
        >>> constant(0.1)(t=7)
        0.1
    """
    base = _rates("base", base)
    return lambda t: _plain(base + 0.0 * _step(t))


@printed
def linear(base: Rates, steps: int, final: Rates = 0.0) -> Schedule:
    r"""A straight line from the base rate to the final one, which is kept after it (playbook S4).

    Equation (ours)::

        {equations}

    Args:
        base: the rate s_0 at t = 0, a finite number ≥ 0 or an array of them.
        steps: T ≥ 1, the step at which the final rate is reached.
        final: the rate s_T.

    Returns:
        The schedule, a callable of t.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> linear(1.0, steps=4)(np.arange(6))
        array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """
    base, T, final = (
        _rates("base", base),
        whole_number("steps", steps, minimum=1),
        _rates("final", final),
    )

    def schedule(t: Any) -> Any:
        x = np.minimum(_step(t), T) / T
        return _plain(base * (1 - x) + final * x)

    return schedule


@printed
def cosine(base: Rates, steps: int, final: Rates = 0.0) -> Schedule:
    r"""Half a cosine from the base rate to the final one, which is kept after it (playbook S4).

    Equation (ours)::

        {equations}

    Args:
        base: the rate s_0 at t = 0, a finite number ≥ 0 or an array of them.
        steps: T ≥ 1, the step at which the final rate is reached.
        final: the rate s_T.

    Returns:
        The schedule, a callable of t.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> cosine(1.0, steps=4)(np.arange(6)).round(3)
        array([1.   , 0.854, 0.5  , 0.146, 0.   , 0.   ])

    Source: Loshchilov & Hutter 2017, without restarts.
    """
    base, T, final = (
        _rates("base", base),
        whole_number("steps", steps, minimum=1),
        _rates("final", final),
    )

    def schedule(t: Any) -> Any:
        c = np.cos(math.pi * np.minimum(_step(t), T) / T)
        return _plain(base * ((1 + c) / 2) + final * ((1 - c) / 2))

    return schedule


@printed
def inverse_square_root(base: Rates, timescale: int) -> Schedule:
    r"""A rate that falls as one over the square root of time (playbook S4).

    With warmup_steps equal to the timescale, this is the decay of Vaswani et al. 2017.

    Equation (ours)::

        {equations}

    Args:
        base: the rate s_0 at t = 0, a finite number ≥ 0 or an array of them.
        timescale: τ ≥ 1, in steps.

    Returns:
        The schedule, a callable of t.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> inverse_square_root(1.0, timescale=100)(np.array([0, 300]))
        array([1. , 0.5])
    """
    base, timescale = _rates("base", base), whole_number("timescale", timescale, minimum=1)
    return lambda t: _plain(base / np.sqrt(1 + _step(t) / timescale))


@printed
def piecewise_constant(base: Rates, boundaries: Sequence[int], factors: Sequence[float]) -> Schedule:
    r"""Steps: from boundary T_i on, the rate is multiplied by the factor f_i (playbook S4).

    Equation (ours)::

        {equations}

    Args:
        base: the rate s_0 at t = 0, a finite number ≥ 0 or an array of them.
        boundaries: the steps T_i, rising, each at least 1.
        factors: one factor f_i ≥ 0 for each boundary.

    Returns:
        The schedule, a callable of t.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> piecewise_constant(1.0, boundaries=[2, 4], factors=[0.5, 0.1])(np.arange(6))
        array([1.  , 1.  , 0.5 , 0.5 , 0.05, 0.05])
    """
    base = _rates("base", base)
    T = [whole_number("boundaries", boundary, minimum=1) for boundary in boundaries]
    require(sorted(set(T)) == T, "boundaries", "rising", boundaries)
    require(len(factors) == len(T), "factors", f"one for each of the {len(T)} boundaries", factors)
    products = np.cumprod([1.0, *(_rates("factors", factor) for factor in factors)])
    return lambda t: _plain(base * products[np.searchsorted(T, _step(t), side="right")])


@printed
def exponential(base: Rates, decay_factor: float, decay_steps: int) -> Schedule:
    r"""A rate that shrinks by the same factor in every span of decay_steps (playbook S4).

    Equation (ours)::

        {equations}

    Args:
        base: the rate s_0 at t = 0, a finite number ≥ 0 or an array of them.
        decay_factor: d in (0, 1].
        decay_steps: T ≥ 1.

    Returns:
        The schedule, a callable of t.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> exponential(1.0, decay_factor=0.25, decay_steps=2)(np.arange(3))
        array([1.  , 0.5 , 0.25])
    """
    base, T = _rates("base", base), whole_number("decay_steps", decay_steps, minimum=1)
    d = float(finite_numbers("decay_factor", decay_factor))
    require(0 < d <= 1, "decay_factor", "in (0, 1]", decay_factor)
    return lambda t: _plain(base * d ** (_step(t) / T))


DECAYS: dict[str, Callable[..., Schedule]] = {
    decay.__name__: decay
    for decay in (constant, linear, cosine, inverse_square_root, piecewise_constant, exponential)
}


def make_schedule(name: str, base: Rates, **options: Any) -> Schedule:
    """The decay of that name, for settings that come from a file or a widget.

    Raises:
        ValueError: if the name or an option is unknown, saying what exists; or from the decay itself.

    Example:
        >>> make_schedule("linear", 1.0, steps=4)(t=1)
        0.75
    """
    known("name", name, DECAYS)
    allowed = list(inspect.signature(DECAYS[name]).parameters)[1:]
    for option in options:
        require(
            option in allowed,
            f"an option of {name}",
            "one of " + (", ".join(allowed) or "none"),
            option,
        )
    try:
        return DECAYS[name](base, **options)
    except TypeError as error:
        raise ValueError(
            f"{name} needs {', '.join(allowed)}, but {', '.join(options) or 'nothing'} came"
        ) from error


@printed
def rescale(schedule: Schedule, base: Rates) -> Schedule:
    r"""The same curve from another base rate, for a warmup that raises it (playbook S3, W2).

    Equation (ours)::

        {equations}

    Args:
        schedule: any callable of t whose s(0) is greater than 0.
        base: the new rate at t = 0.

    Returns:
        The schedule, a callable of t.

    Raises:
        ValueError: if schedule is no schedule, or if base is not finite, or s(0) is not above 0.

    Example:
        >>> rescale(linear(0.1, steps=4), base=1.0)(np.arange(3))
        array([1.  , 0.75, 0.5 ])
    """
    start, base = _start(schedule), _rates("base", base)
    require((start > 0).all(), "schedule", "above 0 at t = 0", start)
    return lambda t: _plain(schedule(t) / start * base)


@printed
def prepend_warmup(schedule: Schedule, warmup_steps: Any) -> Schedule:
    r"""Linear warmup in front of a schedule, which then starts W steps later (playbook S1, S3).

    The playbook only says that the rate ramps up from 0; the straight line is ours, read off its Figure 6.
    η_0 = 0, and η_W is the schedule's own first rate, exactly. 10,000 steps and 1,000 of warmup are 11,000.

    Equations (ours)::

        {equations}

    Args:
        schedule: the schedule s, any callable of t; its base rate is s(0).
        warmup_steps: W ≥ 0, an int or an array of ints that broadcasts against the rates; 0 means no warmup.

    Returns:
        The schedule with its warmup, a callable of t.

    Raises:
        ValueError: if schedule is no schedule or warmup_steps is negative or not whole.

    Example:
        >>> prepend_warmup(linear(1.0, steps=4), warmup_steps=2)(np.arange(7))
        array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.25, 0.  ])
    """
    start, W = _start(schedule), _whole("warmup_steps", warmup_steps)

    def warmed_up(t: Any) -> Any:
        t = _step(t)
        ramp = start * (t / np.maximum(W, 1))
        return _plain(np.where(t < W, ramp, schedule(np.maximum(t - W, 0))))

    return warmed_up


def _start(schedule: Schedule) -> np.ndarray:
    require(callable(schedule), "schedule", "a callable of the step t, such as constant(0.1)", schedule)
    return _rates("schedule(0)", schedule(0))


def _rates(argument: str, value: Rates) -> np.ndarray:
    rates = finite_numbers(argument, value)
    require((rates >= 0).all(), argument, "at least 0", value)
    return rates


def _whole(argument: str, value: Any) -> np.ndarray:
    """An int or an array of ints, each at least 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return np.asarray(value)  # the usual case, once a step: quick
    array = np.asarray(value)
    fits = array.dtype.kind in "iu" and array.size and (array >= 0).all()
    require(fits, argument, "a whole number of at least 0 or an array of them", value)
    return array


def _step(t: Any) -> np.ndarray:
    return _whole("t", t)


def _plain(rates: Any) -> Any:
    """A single rate as a Python float, which promotes nothing; an array as it is."""
    return rates.item() if np.ndim(rates) == 0 else rates
