"""The self-checks of what a batch size does to the number of steps: clause B4."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell

Array = np.ndarray


def check_steps_of_epochs(steps: Callable[..., Any]) -> Verdict:
    """Compare how many updates you count in a number of epochs with ours (playbook B4).

    Ours: what does not fill a batch at the end of an epoch is dropped, as most input pipelines do when they
    train.

    Args:
        steps: your steps(examples, batch_size, epochs) -> the number of updates.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_steps_of_epochs(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda examples, batch_size, epochs: examples * epochs // batch_size
        ... )
        Not yet: with 1000 examples in batches of 64 for 3 epochs, it answers 46, not 45. It looks like this
        mistake: The remainders of all epochs are put together; each epoch drops its own.
    """
    praise = "so many full batches an epoch, and a larger batch size makes fewer updates of the same epochs."
    return tell(judge(steps, Exercise(_EPOCHS, EPOCHS, number, praise)))


def check_steps_to_target(steps_to_target: Callable[..., Any]) -> Verdict:
    """Compare how you read the steps to a target error off a run with ours (playbook B4).

    Args:
        steps_to_target: your steps_to_target(steps, errors, target) -> the first evaluated step whose error
            is at or below the target, or None if there is none. steps and errors are arrays, one number for
            each evaluation; an error that is NaN is no success.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_steps_to_target(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda steps, errors, target: steps[np.argmin(errors)]
        ... )
        Not yet: where the error first falls below 0.3 at step 100, and later rises and falls again, it
        answers 250, not 100. It looks like this mistake: It is the step of the best error; the target is met
        before.
    """
    praise = "the first step at or below the target, and None where the target is never met."
    return tell(judge(steps_to_target, Exercise(_CURVES, TARGETS, number, praise)))


_EPOCHS = [
    Case("with 1000 examples in batches of 64 for 3 epochs", (1000, 64, 3), 45),
    Case("with 1437 examples in batches of 128 for 10 epochs", (1437, 128, 10), 110),
    Case("with 1024 examples in batches of 32 for 2 epochs", (1024, 32, 2), 64),
    Case("with 100 examples, fewer than a batch of 128, for 5 epochs", (100, 128, 5), 0, special=True),
]
EPOCHS = [
    Usual(
        "The last batch of an epoch counts though it is not full: what does not fill a batch is dropped.",
        lambda examples, batch_size, epochs: -(-examples // batch_size) * epochs,
    ),
    Usual(
        "The remainders of all epochs are put together; each epoch drops its own.",
        lambda examples, batch_size, epochs: examples * epochs // batch_size,
    ),
    Usual(
        "The remainders of all epochs are put together, and what is left counts as a batch.",
        lambda examples, batch_size, epochs: -(-examples * epochs // batch_size),
    ),
    Usual(
        "The number of batches is rounded to the nearest, so that a batch too many may count.",
        lambda examples, batch_size, epochs: round(examples / batch_size) * epochs,
    ),
    Usual(
        "There is no part of an update: what does not fill a batch is dropped, in every epoch.",
        lambda examples, batch_size, epochs: examples * epochs / batch_size,
    ),
    Usual(
        "The epochs are forgotten: these are the updates of one.",
        lambda examples, batch_size, epochs: examples // batch_size,
    ),
    Usual(
        "The batch size is forgotten: these are the examples that are seen, not the updates.",
        lambda examples, batch_size, epochs: examples * epochs,
    ),
    Usual(
        "It divides by the epochs too, which multiply the updates.",
        lambda examples, batch_size, epochs: examples // (batch_size * epochs),
    ),
    Usual(
        "It multiplies by the batch size: these are the examples that are used, not the updates.",
        lambda examples, batch_size, epochs: examples // batch_size * batch_size * epochs,
    ),
    Usual(
        "A batch that the data cannot fill is dropped like any other remainder: then there is no update.",
        lambda examples, batch_size, epochs: max(1, examples // batch_size) * epochs,
    ),
    Usual(
        "A batch that the data cannot fill is dropped like any other remainder: then there is no update.",
        lambda examples, batch_size, epochs: max(1, examples // batch_size * epochs),
    ),
]

_NAN = float("nan")
_CURVES = [
    Case(
        "where the error first falls below 0.3 at step 100, and later rises and falls again",
        (
            np.array([0, 50, 100, 150, 200, 250, 300]),
            np.array([0.9, 0.5, 0.28, 0.31, 0.29, 0.2, 0.25]),
            0.3,
        ),
        100,
    ),
    Case(
        "where the error is exactly the target, 0.25, at step 400",
        (np.array([100, 200, 400, 800]), np.array([0.6, 0.4, 0.25, 0.27]), 0.25),
        400,
    ),
    Case(
        "where some errors are NaN before the target of 0.3 is met at step 60",
        (np.array([0, 20, 40, 60, 80]), np.array([0.9, _NAN, 0.5, 0.3, 0.35]), 0.3),
        60,
        special=True,
    ),
    Case(
        "where step 0 already meets the target",
        (np.array([0, 20, 40]), np.array([0.2, 0.4, 0.1]), 0.3),
        0,
        special=True,
    ),
    Case(
        "where no error meets the target",
        (np.array([10, 20, 40]), np.array([0.9, 0.6, 0.5]), 0.3),
        None,
        special=True,
    ),
    Case(
        "where the run diverges before it meets the target",
        (np.array([10, 20, 40, 60]), np.array([0.9, 0.6, _NAN, _NAN]), 0.3),
        None,
        special=True,
    ),
]


def _first(met: Callable[[Array, float], Array], default: Any = None) -> Callable[[Array, Array, float], Any]:
    """The first step at which something else is called met."""

    def steps_to_target(steps: Array, errors: Array, target: float) -> Any:
        places = np.flatnonzero(met(errors, target))
        return steps[places[0]] if places.size else default

    return steps_to_target


def _at_or_below(errors: Array, target: float) -> Array:
    return errors <= target


_STEP = "It is the place among the evaluations; the answer is the step at which that one was made."
_NEVER = "Where the target is never met the answer is None: any number would be read as a step."
TARGETS = [
    Usual(_STEP, lambda steps, errors, target: np.argmax(errors <= target)),
    Usual(_STEP, lambda steps, errors, target: next(iter(np.flatnonzero(errors <= target)), None)),
    Usual(
        "It counts the evaluations; the answer is the step at which the last of them was made.",
        lambda steps, errors, target: np.argmax(errors <= target) + 1,
    ),
    Usual("An error of exactly the target meets it too.", _first(np.less)),
    *(
        Usual(
            "It is the step of the best error; the target is met before.",
            lambda steps, errors, target, best=best: steps[best(errors)],
        )
        for best in (np.argmin, np.nanargmin)
    ),
    Usual(
        "It waits until the error stays below the target; the first time counts.",
        _first(lambda errors, target: np.logical_and.accumulate((errors <= target)[::-1])[::-1]),
    ),
    Usual(
        "It is the last step that meets the target, not the first.",
        lambda steps, errors, target: next(iter(steps[errors <= target][::-1]), None),
    ),
    Usual(
        "It is the last step before the target is met.",
        lambda steps, errors, target: steps[np.argmax(errors <= target) - 1],
    ),
    Usual(
        "It is the step whose error is nearest to the target, and may be above it.",
        lambda steps, errors, target: steps[np.nanargmin(np.abs(errors - target))],
    ),
    Usual(
        "It is the error that meets the target, not its step.",
        lambda steps, errors, target: next(iter(errors[errors <= target]), None),
    ),
    Usual("It is the first step that misses the target.", _first(np.greater)),
    Usual(
        "NaN counts as a success: it is not above the target, and not below it either.",
        _first(lambda errors, target: ~(errors > target)),
    ),
    Usual(
        "Step 0 is a step too: to Python 0 is as false as None, so ask whether it is None.",
        lambda steps, errors, target: _first(_at_or_below)(steps, errors, target) or None,
    ),
    Usual(
        "argmax finds the first evaluation where none meets the target: see first whether any does.",
        lambda steps, errors, target: steps[np.argmax(errors <= target)],
    ),
    *(Usual(_NEVER, _first(_at_or_below, default)) for default in (0, -1, np.inf, _NAN)),
    Usual(
        _NEVER,
        lambda steps, errors, target: _first(_at_or_below, default=steps[-1])(steps, errors, target),
    ),
    *(
        Usual("There is no first of nothing: see first whether any error meets the target.", first)
        for first in (
            lambda steps, errors, target: steps[errors <= target][0],
            lambda steps, errors, target: steps[errors <= target].tolist()[0],
            lambda steps, errors, target: steps[errors <= target].min(),
            lambda steps, errors, target: min(steps[errors <= target]),
            lambda steps, errors, target: min(list(steps[errors <= target])),
        )
    ),
]
