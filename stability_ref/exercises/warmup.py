"""The self-checks of warmup itself and of the raised schedule: clauses S1, S3 and W2."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.exercises.answers import WrongKindError, brief, different, number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell
from stability_ref.mistakes import mistakes_with
from stability_ref.schedules import constant, cosine, inverse_square_root, linear, prepend_warmup, rescale

Array = np.ndarray
STEPS = 24  # beyond the end of every schedule below


def check_warmup(prepend: Callable[..., Any]) -> Verdict:
    """Compare your linear warmup with the reference's at every step (playbook S1, S3).

    Args:
        prepend: your prepend(schedule, warmup_steps) -> schedule. A schedule is a function of the step t;
            both are called with one whole number at a time.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> def prepend(schedule, warmup_steps):
        ...     return lambda t: schedule(t) * min(t / warmup_steps, 1)
        >>> verdict = check_warmup(prepend)  # doctest: +NORMALIZE_WHITESPACE
        Not yet: with 4 steps of warmup in front of a cosine, at t = 1 its rate is 0.0982963, not 0.1.
        It looks like this mistake: The ramp multiplies the schedule, which decays below it meanwhile.
    """
    praise = "the ramp starts at 0, ends at the schedule's own first rate, and stands in front of all of it."
    cases = [
        _warmup_case("with 4 steps of warmup in front of a cosine", cosine(0.4, steps=12), 4),
        _warmup_case("with 5 steps of warmup in front of a line", linear(0.8, steps=10), 5),
        _warmup_case("with 1 step of warmup in front of a decay", inverse_square_root(0.1, timescale=3), 1),
        _warmup_case("with warmup_steps = 0, no warmup", cosine(0.4, steps=12), 0, special=True),
    ]
    mistakes = [Usual(each.says, each.function) for each in mistakes_with("prepend_warmup")]
    return tell(judge(prepend, Exercise(cases, mistakes, _rates, praise, _where_rates_differ)))


def check_raised_schedule(raised: Callable[..., Any]) -> Verdict:
    """Compare the schedule that you would train with at a raised base rate with ours (playbook W2, S3).

    Args:
        raised: your raised(schedule, base, warmup_steps) -> schedule: the given schedule, whose own base rate
            is lower, from the new base rate on, with warmup in front of it.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_raised_schedule(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda schedule, base, warmup_steps: rescale(schedule, base)
        ... )
        Not yet: with a cosine from 0.02, raised to 0.2 after 4 steps of warmup, at t = 0 its rate is 0.2,
        not 0. It looks like this mistake: There is no warmup, and the raised rate is there at once.
    """
    praise = "the whole curve is raised, and the warmup in front of it ends where it begins."
    cases = [
        _raised_case(
            "with a cosine from 0.02, raised to 0.2 after 4 steps of warmup", cosine(0.02, 12), 0.2, 4
        ),
        _raised_case("with a line from 0.5, raised to 0.7 after 5 steps of warmup", linear(0.5, 10), 0.7, 5),
        _raised_case("with warmup_steps = 0, no warmup", cosine(0.02, 12), 0.2, 0, special=True),
    ]
    return tell(judge(raised, Exercise(cases, RAISED, _rates, praise, _where_rates_differ)))


def _warmup_case(where: str, schedule: Any, warmup_steps: int, special: bool = False) -> Case:
    right = _rates(prepend_warmup(schedule, warmup_steps))
    return Case(where, (schedule, warmup_steps), right, special)


def _raised_case(where: str, schedule: Any, base: float, warmup_steps: int, special: bool = False) -> Case:
    right = _rates(prepend_warmup(rescale(schedule, base), warmup_steps))
    return Case(where, (schedule, base, warmup_steps), right, special)


def _rates(schedule: Any) -> Array:
    """The rates of the first steps, one at a time: a reader's schedule need not know arrays."""
    if not callable(schedule):
        raise WrongKindError(f"it returns {brief(schedule)}, not a schedule, which is a function of t")
    return np.array([number(schedule(t), f"at t = {t} its rate is") for t in range(STEPS)])


def _where_rates_differ(mine: Array, right: Array) -> str:
    t = int(different(mine, right).argmax())
    return f"at t = {t} its rate is {brief(mine[t])}, not {brief(right[t])}"


def _half_raised(ramp: bool) -> Callable[..., Any]:
    """Only the ramp is raised, or only what comes after it."""

    def raised(schedule: Any, base: float, warmup_steps: int) -> Any:
        low = prepend_warmup(schedule, warmup_steps)
        high = prepend_warmup(rescale(schedule, base), warmup_steps)
        return lambda t: (high if (t < warmup_steps) == ramp else low)(t)

    return raised


RAISED = [
    Usual(
        "The schedule is not rescaled: warmup ends at the old base rate, and the new one is never used.",
        lambda schedule, base, warmup_steps: prepend_warmup(schedule, warmup_steps),
    ),
    Usual(
        "The ramp rises to the old base rate, and then the rate jumps to the new one.",
        _half_raised(ramp=False),
    ),
    Usual(
        "Only the ramp is raised: after it the rate falls back to the old schedule.", _half_raised(ramp=True)
    ),
    Usual(
        "The ramp is put in front first; what then starts at 0 cannot be rescaled to start at the base rate.",
        lambda schedule, base, warmup_steps: rescale(prepend_warmup(schedule, warmup_steps), base),
    ),
    Usual(
        "There is no warmup, and the raised rate is there at once.",
        lambda schedule, base, warmup_steps: rescale(schedule, base),
    ),
    Usual(
        "The curve is ten times as high whatever the new base rate is.",
        lambda schedule, base, warmup_steps: prepend_warmup(lambda t: 10 * schedule(t), warmup_steps),
    ),
    Usual(
        "The schedule's decay is lost: after the ramp the rate stays where it is.",
        lambda schedule, base, warmup_steps: prepend_warmup(constant(base), warmup_steps),
    ),
    *(
        Usual(
            each.says,
            lambda schedule, base, warmup_steps, wrong=each.function: prepend_warmup(
                wrong(schedule, base), warmup_steps
            ),
        )
        for each in mistakes_with("rescale")
    ),
    *(
        Usual(
            each.says,
            lambda schedule, base, warmup_steps, wrong=each.function: wrong(
                rescale(schedule, base), warmup_steps
            ),
        )
        for each in mistakes_with("prepend_warmup")
    ),
]
