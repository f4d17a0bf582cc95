"""Self-checks of the lessons' exercises: your function against the reference, step by step.

A self-check prints what it found and never raises on a wrong answer: at which step and by how much yours
departs from the reference, and which known mistake it looks like.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import known
from stability_ref.mistakes import MISTAKES
from stability_ref.updates import RULES

Array = np.ndarray
STEPS, COORDINATES, RATE = 50, 6, 0.01
CLOSE = 1e-9  # relative: far above rounding, far below any mistake
Path = list[Array]


class Verdict(NamedTuple):
    """What a self-check found."""

    right: bool
    sentence: str


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
        >>> verdict = check_rule("sgd", mine)
        Not yet: yours departs from sgd at step 1. It steps uphill: the sign of the update is wrong.
    """
    known("name", name, RULES)
    verdict = _judge(name, update, init or RULES[name].init)
    print(verdict.sentence)
    return verdict


def _judge(name: str, update: Callable[..., Any], init: Callable[[Array], Any]) -> Verdict:
    reference = _path(RULES[name].update, RULES[name].init)
    try:
        path = _path(update, init)
    except Exception as error:  # whatever the student's code raises is an answer, not a crash
        return Verdict(False, f"Not yet: it stops with {type(error).__name__}: {error}")
    departs = _departs(path, reference)
    if departs is None:
        return Verdict(True, f"Right: yours agrees with {name} at every one of {STEPS} steps.")
    sentence = f"Not yet: yours departs from {name} at step {departs + 1}."
    for mistake in MISTAKES.values():
        wrong = mistake.init or RULES[name].init if mistake.target == name else None
        if wrong and _departs(path, _path(mistake.function, wrong)) is None:
            return Verdict(False, f"{sentence} {mistake.says}")
    return Verdict(False, f"{sentence} It looks like none of the mistakes that are known here.")


def _path(update: Callable[..., Any], init: Callable[[Array], Any]) -> Path:
    """θ after every step of a run with gradients and rates that are the same for everybody."""
    rng = np.random.default_rng(0)
    theta = rng.normal(size=COORDINATES)
    state, path = init(theta), []
    with np.errstate(all="ignore"):
        for rate in RATE * rng.uniform(0.1, 1, size=STEPS):
            g = rng.normal(size=COORDINATES) * 10.0 ** np.linspace(-10, 1, COORDINATES)
            theta, state = update(theta.copy(), g, state, rate)
            theta = np.asarray(theta, dtype=float)
            if theta.shape != (COORDINATES,):
                raise ValueError(f"theta has the shape {theta.shape} after a step, not {(COORDINATES,)}")
            path.append(theta)
    return path


def _departs(path: Path, reference: Path) -> int | None:
    """The first step at which two paths differ, relative to how far the reference has moved."""
    start = np.random.default_rng(0).normal(size=COORDINATES)
    for step, (mine, theirs) in enumerate(zip(path, reference, strict=True)):
        moved = np.abs(theirs - start) + 1e-300
        if not (np.abs(mine - theirs) <= CLOSE * moved + 4 * np.spacing(np.abs(theirs))).all():
            return step
    return None
