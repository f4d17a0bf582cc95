"""The self-check of an update rule: where yours departs from the reference, and what it looks like."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.checks import known
from stability_ref.exercises.verdicts import STOPS, Verdict, stops_with, tell
from stability_ref.mistakes import mistakes_with
from stability_ref.updates import RULES

Array = np.ndarray
STEPS, COORDINATES, RATE = 50, 6, 0.01
CLOSE = 1e-9  # relative: far above rounding, far below any mistake


def check_rule(name: str, update: Callable[..., Any], init: Callable[[Array], Any] | None = None) -> Verdict:
    """Compare your update rule with the reference at every one of 50 steps, and say what it looks like.

    The gradients do not depend on θ and their sizes straddle ε, so that it shows where ε stands; the rate
    changes at every step, so that it shows whether the rate is inside the buffer.

    Args:
        name: a rule in `updates.RULES`.
        update: your update(theta, g, state, rate) -> (theta, state); the constants keep their defaults.
        init: your init(theta) -> state; the reference's own where it is left out.

    Returns:
        Whether it agrees, and the sentence that was printed.

    Raises:
        ValueError: if there is no rule of that name.

    Example:
        >>> def mine(theta, g, state, eta):
        ...     return theta + eta * g, state
        >>> verdict = check_rule("sgd", mine)  # doctest: +ELLIPSIS
        Not yet: yours departs from sgd at step 1. It looks like this mistake: The step goes ...
    """
    known("name", name, RULES)
    return tell(_judge(name, update, init or RULES[name].init))


def _judge(name: str, update: Callable[..., Any], init: Callable[[Array], Any]) -> Verdict:
    reference = _path(RULES[name].update, RULES[name].init)
    try:
        path = _path(update, init)
    except STOPS as error:
        return Verdict(False, f"Not yet: {stops_with(error)}")
    step = _first_difference(path, reference)
    if step is None and _overwrites(update, init):
        return Verdict(False, "Almost: the numbers agree, but theta or g is overwritten in place.")
    if step is None:
        return Verdict(True, f"Right: yours agrees with {name} at every one of {STEPS} steps.")
    found = f"Not yet: yours departs from {name} at step {step + 1}."
    return Verdict(False, f"{found} {_looks_like(name, path)}")


def _looks_like(name: str, path: list[Array]) -> str:
    """What the known mistake says that makes the very same steps."""
    for mistake in mistakes_with(name):
        wrong = _path(mistake.function, mistake.init or RULES[name].init)
        if _first_difference(path, wrong) is None:
            return f"It looks like this mistake: {mistake.says}"
    return "It looks like none of the mistakes that are known here."


def _start() -> tuple[Array, np.random.Generator]:
    rng = np.random.default_rng(0)
    return rng.normal(size=COORDINATES), rng


def _path(update: Callable[..., Any], init: Callable[[Array], Any]) -> list[Array]:
    """θ after every step of a run whose gradients and rates are the same for everybody."""
    theta, rng = _start()
    state, path = init(theta.copy()), []
    with np.errstate(all="ignore"):
        for rate in RATE * rng.uniform(0.1, 1, size=STEPS):
            g = rng.normal(size=COORDINATES) * 10.0 ** np.linspace(-10, 1, COORDINATES)
            theta, state = update(theta.copy(), g, state, rate)
            theta = np.asarray(theta, dtype=float)
            if theta.shape != (COORDINATES,):
                raise ValueError(f"theta has the shape {theta.shape} after a step, not {(COORDINATES,)}")
            path.append(theta.copy())
    return path


def _first_difference(path: list[Array], reference: list[Array]) -> int | None:
    """The first step at which two paths differ by more than rounding, relative to how far θ has moved."""
    start, _ = _start()
    for step, (mine, theirs) in enumerate(zip(path, reference, strict=True)):
        bound = CLOSE * np.abs(theirs - start) + 16 * np.spacing(np.abs(theirs))
        same = (np.abs(mine - theirs) <= bound) | (np.isnan(mine) & np.isnan(theirs))
        if not same.all():
            return step
    return None


def _overwrites(update: Callable[..., Any], init: Callable[[Array], Any]) -> bool:
    theta, rng = _start()
    g = rng.normal(size=COORDINATES)
    theta_before, g_before = theta.copy(), g.copy()
    update(theta, g, init(theta.copy()), RATE)
    return bool((theta != theta_before).any() or (g != g_before).any())
