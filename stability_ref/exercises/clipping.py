"""The self-checks of gradient clipping: clauses C1, C2 and C5."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.clipping import clip
from stability_ref.exercises.answers import WrongKindError, brief, number, numbers, off, same
from stability_ref.exercises.verdicts import STOPS, Case, Exercise, Usual, Verdict, judge, quietly, tell
from stability_ref.mistakes import mistakes_with
from stability_ref.problems import Quadratic
from stability_ref.schedules import constant
from stability_ref.training import run

Array = np.ndarray
STEPS = 40


def check_clip(clip_gradient: Callable[..., Any]) -> Verdict:
    """Compare how you clip one gradient with the reference (playbook C1, and C2 where you return the norm).

    Args:
        clip_gradient: your clip_gradient(g, threshold) -> the clipped gradient, or the pair of it and the
            norm |g| to log. g has shape (n,).

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_clip(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda g, threshold: g.clip(-threshold, threshold)
        ... )
        Not yet: with |g| = 13 and λ = 5, it answers [3, -4, 5], not [1.15385, -1.53846, 4.61538]. It looks
        like this mistake: Each coordinate is cut at ±λ by itself, which turns the gradient.
    """
    praise = "it shortens what is longer than λ, keeps its direction, and leaves the rest as it is."
    mistakes = [Usual(each.says, each.function) for each in mistakes_with("clip")]
    read = _pair if _returns_a_pair(clip_gradient) else _alone
    return tell(
        judge(clip_gradient, Exercise(_clip_cases(read), mistakes, read, praise, _where_clips_differ))
    )


def check_same_run(same_run: Callable[..., Any]) -> Verdict:
    """Train with the threshold and the rate that you give, and see whether it is the same run (playbook C5).

    The run is 40 steps of Momentum in a bowl, and every gradient is longer than the threshold.

    Args:
        same_run: your same_run(threshold, learning_rate, factor) -> the pair (threshold / factor, the rate
            that makes the very same steps with it).

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_same_run(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda threshold, learning_rate, factor: (threshold / factor, learning_rate)
        ... )
        Not yet: with λ = 1, η = 0.01 and a factor of 10, the loss after 40 steps is 193.121, not 138.494. It
        looks like this mistake: The rate stays, so every step is shorter by the factor.
    """
    praise = "where every update is clipped, a smaller λ and a larger rate undo each other (C5)."
    return tell(judge(same_run, Exercise(same_run_cases(), SAME_RUNS, _trained, praise, _where_runs_differ)))


def _clip_cases(read: Callable[[Any], Array]) -> list[Case]:
    g = np.array([3.0, -4.0, 12.0])
    cases = [
        ("with |g| = 13 and λ = 5", g, 5.0, False),
        ("with |g| = 13 and λ = 20", g, 20.0, False),
        ("with |g| = 0.0013 and λ = 0.001", 1e-4 * g, 1e-3, False),
        ("with g = 0", 0 * g, 5.0, True),
    ]
    return [Case(where, (g, value), read(clip(g, value)), special) for where, g, value, special in cases]


def _returns_a_pair(clip_gradient: Callable[..., Any]) -> bool:
    with quietly():
        try:
            answer = clip_gradient(np.array([3.0, -4.0, 12.0]), 5.0)
        except STOPS:  # judge says so
            return False
    return _is_pair(answer)


def _is_pair(answer: Any) -> bool:
    """A gradient here has three coordinates, so that two things are no gradient."""
    return isinstance(answer, tuple | list) and len(answer) == 2


def _pair(answer: Any) -> Array:
    """The clipped gradient, and behind it the norm."""
    if not _is_pair(answer):
        raise WrongKindError("it returns no norm, which it did before")
    return np.append(numbers(answer[0]), number(answer[1], "the norm that it returns is"))


def _alone(answer: Any) -> Array:
    """The clipped gradient."""
    return numbers(answer[0] if _is_pair(answer) else answer)


def _where_clips_differ(mine: Array, right: Array) -> str:
    if mine.shape != right.shape:
        return off(mine, right)
    if len(right) == 4 and same(mine[:3], right[:3]):
        return f"the norm that it returns is {brief(mine[-1])}, not {brief(right[-1])}"
    return off(mine[:3], right[:3])


def bowl() -> Quadratic:
    """Far from its minimum: 40 short steps do not leave the region where every gradient is clipped."""
    return Quadratic([0.5, 2.0], start=[20.0, 10.0])


def same_run_cases() -> list[Case]:
    """Thresholds and rates, and the losses that they make."""
    cases = [
        ("with λ = 1, η = 0.01 and a factor of 10", 1.0, 0.01, 10.0),
        ("with λ = 0.5, η = 0.02 and a factor of 4", 0.5, 0.02, 4.0),
    ]
    return [
        Case(where, (threshold, rate, factor), np.append(threshold / factor, _trained((threshold, rate))[1:]))
        for where, threshold, rate, factor in cases
    ]


def _trained(answer: Any) -> Array:
    """The threshold, and behind it the losses of a run with that pair."""
    pair = numbers(answer)
    if pair.shape != (2,) or not (np.isfinite(pair) & (pair > 0)).all():
        raise WrongKindError(f"it returns {brief(answer)}, not two numbers above 0: a threshold and a rate")
    record = run(bowl(), "momentum", constant(pair[1]), STEPS, clip_threshold=pair[0])
    return np.concatenate([pair[:1], record.loss[0, 0], record.train_loss[0, 0]])


def _where_runs_differ(mine: Array, right: Array) -> str:
    if not same(mine[0], right[0]):
        return f"the threshold is {brief(mine[0])}, not {brief(right[0])}"
    return f"the loss after {STEPS} steps is {brief(mine[-1])}, not {brief(right[-1])}"


SAME_RUNS = [
    Usual(
        "The rate stays, so every step is shorter by the factor.",
        lambda threshold, rate, factor: (threshold / factor, rate),
    ),
    Usual(
        "The rate is divided too, so every step is shorter by the factor's square.",
        lambda threshold, rate, factor: (threshold / factor, rate / factor),
    ),
    Usual(
        "The rate grows with the factor's square; a clipped step has the length η λ, which needs the factor.",
        lambda threshold, rate, factor: (threshold / factor, rate * factor**2),
    ),
    Usual(
        "The rate grows with the factor's root; a clipped step has the length η λ, which needs the factor.",
        lambda threshold, rate, factor: (threshold / factor, rate * factor**0.5),
    ),
    Usual(
        "The threshold is multiplied and the rate divided: the same run, but clipped less and not more.",
        lambda threshold, rate, factor: (threshold * factor, rate / factor),
    ),
    Usual(
        "The threshold stays, and only the rate grows.",
        lambda threshold, rate, factor: (threshold, rate * factor),
    ),
    Usual(
        "Threshold and rate have changed places.",
        lambda threshold, rate, factor: (rate * factor, threshold / factor),
    ),
]
