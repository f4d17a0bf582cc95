"""The self-checks of lesson 03: right answers are right, and what is wrong is told for what it is.

The clauses S1, S3, W2, W4 and W5.
"""

import numpy as np
import pytest

from stability_ref import exercises
from stability_ref.exercises import warmup, warmup_search
from stability_ref.mistakes import MISTAKES
from stability_ref.schedules import prepend_warmup, rescale

OF_WARMUP = [name for name, mistake in MISTAKES.items() if mistake.target == "prepend_warmup"]


def with_an_if(schedule, warmup_steps):
    def rate(t):
        if t < warmup_steps:
            return schedule(0) * t / warmup_steps
        return schedule(t - warmup_steps)

    return rate


def in_float32(schedule, warmup_steps):
    return lambda t: np.float32(prepend_warmup(schedule, warmup_steps)(t))


@pytest.mark.parametrize("right", [prepend_warmup, with_an_if, in_float32])
def test_a_right_warmup_is_right(right, capsys):
    verdict = exercises.check_warmup(right)
    assert verdict.right
    assert verdict.sentence.startswith("Right: ")
    assert capsys.readouterr().out == verdict.sentence + "\n"


@pytest.mark.parametrize("name", OF_WARMUP)
def test_a_known_mistake_with_warmup_is_named(name):
    verdict = exercises.check_warmup(MISTAKES[name].function)
    assert not verdict.right
    assert MISTAKES[name].says in verdict.sentence


def without_a_case_for_zero(schedule, warmup_steps):
    return lambda t: schedule(0) * t / warmup_steps if t <= warmup_steps else schedule(t - warmup_steps)


WARMUPS = {
    "with warmup_steps = 0, no warmup, it stops with ZeroDivisionError": without_a_case_for_zero,
    "it returns 0.4, not a schedule, which is a function of t": lambda schedule, warmup_steps: schedule(0),
    "at t = 0 its rate is None, not a number": lambda schedule, warmup_steps: lambda t: None,
    "at t = 0 its rate is an array of shape (2, 2), not one number": (
        lambda schedule, warmup_steps: lambda t: np.ones((2, 2))
    ),
    "it returns None. Does it end with return?": lambda schedule, warmup_steps: None,
    "at t = 1 its rate is 0.4, not 0.1. It looks like none": (
        lambda schedule, warmup_steps: lambda t: prepend_warmup(schedule, warmup_steps)(4 * t)
    ),
    "it stops with TypeError": lambda schedule: schedule,
}


@pytest.mark.parametrize("says", WARMUPS)
def test_what_is_wrong_with_a_warmup_is_told(says):
    verdict = exercises.check_warmup(WARMUPS[says])
    assert not verdict.right
    assert says in verdict.sentence


def by_hand(schedule, base, warmup_steps):
    def rate(t):
        if t < warmup_steps:
            return base * t / warmup_steps
        return base * schedule(t - warmup_steps) / schedule(0)

    return rate


@pytest.mark.parametrize(
    "right",
    [lambda schedule, base, warmup_steps: prepend_warmup(rescale(schedule, base), warmup_steps), by_hand],
)
def test_a_right_raised_schedule_is_right(right):
    assert exercises.check_raised_schedule(right).right


@pytest.mark.parametrize("usual", warmup.RAISED, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_a_raised_schedule_is_named(usual):
    verdict = exercises.check_raised_schedule(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


RAISED = {
    "The schedule is not rescaled": lambda schedule, base, W: with_an_if(schedule, W),
    "The ramp is put in front first": lambda schedule, base, W: rescale(prepend_warmup(schedule, W), base),
    "the rate jumps to the new one": (
        lambda schedule, base, W: (
            lambda t: schedule(0) * t / max(W, 1) if t < W else rescale(schedule, base)(t - W)
        )
    ),
    "The curve is moved up, not scaled": (
        lambda schedule, base, W: with_an_if(lambda t: schedule(t) + base - schedule(0), W)
    ),
}


@pytest.mark.parametrize("says", RAISED)
def test_the_mistake_is_named_however_it_is_written(says):
    assert says in exercises.check_raised_schedule(RAISED[says]).sentence


def with_a_loop(tried, max_train_steps):
    for steps in sorted(tried):
        if tried[steps] and 10 * steps <= max_train_steps:
            return np.int64(steps)
    return None


CHOICES = {
    "Right": with_a_loop,
    "it stops with ValueError": lambda tried, most: min(s for s in tried if tried[s] and s <= 0.1 * most),
    "There is no smallest of nothing": lambda tried, most: min(
        [s for s in tried if tried[s] and s <= 0.1 * most]
    ),
    "The limit of 10 % of the run is forgotten": (
        lambda tried, most: min((s for s in tried if tried[s]), default=None)
    ),
    "It takes the longest stable warmup": (
        lambda tried, most: max([s for s in tried if tried[s] and s <= most / 10] or [0])
    ),
    "it returns True, not one number": lambda tried, most: True,
    "it returns '100', not a number": lambda tried, most: "100",
    "it returns None. Does it end": lambda tried, most: None,
}


@pytest.mark.parametrize("says", CHOICES)
def test_what_is_wrong_with_a_choice_is_told(says):
    verdict = exercises.check_shortest_warmup(CHOICES[says])
    assert verdict.right is (says == "Right")
    assert says in verdict.sentence


@pytest.mark.parametrize("usual", warmup_search.CHOICES, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_a_choice_is_named(usual):
    verdict = exercises.check_shortest_warmup(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def best_of(losses):
    finite = [loss for loss in losses if loss == loss]
    return min(finite, default=float("inf"))


BETTER = {
    "Right": lambda baseline, with_it: "warmup" if best_of(with_it) < best_of(baseline) else "baseline",
    "It compares the last checkpoints": lambda b, w: ("warmup", "baseline")[int(b[-1] < w[-1])],
    "One NaN makes the minimum NaN": lambda b, w: "warmup" if b.min() > w.min() else "baseline",
    "A run that is NaN throughout has no best": (
        lambda b, w: "baseline" if np.nanmin(b) < np.nanmin(w) else "warmup"
    ),
    'not "baseline" or "warmup"': lambda b, w: w.min() < b.min(),
    "it names the other": lambda b, w: "warmup" if w.min() > b.min() else "baseline",
}


@pytest.mark.parametrize("says", BETTER)
def test_what_is_wrong_with_a_comparison_is_told(says):
    verdict = exercises.check_better_run(BETTER[says])
    assert verdict.right is (says == "Right")
    assert says in verdict.sentence


@pytest.mark.parametrize("usual", warmup_search.COMPARISONS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_a_comparison_is_named(usual):
    verdict = exercises.check_better_run(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence
