"""The self-checks of lesson 07 (playbook B2, B4, B5): right answers are right, and what is wrong is told."""

import math

import numpy as np
import pytest

from stability_ref import exercises
from stability_ref.exercises import batch_scaling, batch_size, tuned


def with_a_range(examples, batch_size, epochs):
    return sum(len(range(batch_size, examples + 1, batch_size)) for _ in range(epochs))


RIGHT_EPOCHS = [
    lambda examples, batch_size, epochs: examples // batch_size * epochs,
    lambda examples, batch_size, epochs: float(epochs * math.floor(examples / batch_size)),
    with_a_range,
]


@pytest.mark.parametrize("right", RIGHT_EPOCHS)
def test_right_steps_of_epochs_are_right(right, capsys):
    verdict = exercises.check_steps_of_epochs(right)
    assert verdict.right
    assert capsys.readouterr().out == verdict.sentence + "\n"


@pytest.mark.parametrize("usual", batch_size.EPOCHS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_the_epochs_is_named(usual):
    verdict = exercises.check_steps_of_epochs(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


EPOCHS = {
    "The last batch of an epoch counts": lambda n, batch, epochs: math.ceil(n / batch) * epochs,
    "The remainders of all epochs are put together; each epoch": lambda n, batch, epochs: int(
        epochs * n / batch
    ),
    "it answers 48.5, not 45. It looks like none": lambda n, batch, epochs: 48.5,
    "it returns [45], not one number": lambda n, batch, epochs: [n // batch * epochs],
    "it stops with ZeroDivisionError": lambda n, batch, epochs: n // (batch - batch),
    "it returns None. Does it end with return?": lambda n, batch, epochs: None,
}


@pytest.mark.parametrize("says", EPOCHS)
def test_what_is_wrong_with_the_epochs_is_told(says):
    verdict = exercises.check_steps_of_epochs(EPOCHS[says])
    assert not verdict.right
    assert says in verdict.sentence


def with_a_loop(steps, errors, target):
    for step, error in zip(steps, errors, strict=True):
        if error <= target:
            return step
    return None


def with_any(steps, errors, target):
    met = errors <= target
    return int(steps[met.argmax()]) if met.any() else None


@pytest.mark.parametrize("right", [with_a_loop, with_any])
def test_right_steps_to_a_target_are_right(right):
    assert exercises.check_steps_to_target(right).right


@pytest.mark.parametrize("usual", batch_size.TARGETS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_a_target_is_named(usual):
    verdict = exercises.check_steps_to_target(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def while_above(steps, errors, target):
    place = 0
    while errors[place] > target:
        place += 1
    return steps[place]


TARGETS = {
    "NaN counts as a success": while_above,
    "An error of exactly the target meets it too": lambda steps, errors, target: next(
        (s for s, e in zip(steps, errors, strict=True) if e < target), None
    ),
    "There is no first of nothing": lambda steps, errors, target: steps[errors <= target].tolist()[0],
    "It is the step of the best error": lambda steps, errors, target: steps[errors == errors.min()][0],
    "It is the place among the evaluations": lambda steps, errors, target: int((errors <= target).argmax()),
    "see first whether any does": lambda steps, errors, target: (
        steps[list(errors <= target).index(True)] if any(errors <= target) else steps[0]
    ),
    "any number would be read as a step": lambda steps, errors, target: min(
        steps[errors <= target], default=-1
    ),
    "it returns an array of shape (7,), not one number": lambda steps, errors, target: errors <= target,
}


@pytest.mark.parametrize("says", TARGETS)
def test_what_is_wrong_with_a_target_is_told(says):
    verdict = exercises.check_steps_to_target(TARGETS[says])
    assert not verdict.right
    assert says in verdict.sentence


def going_up(batch_sizes, steps):
    bend = batch_sizes[0]
    for place in range(1, len(steps)):
        if not steps[place] <= 1.5 * steps[0] * batch_sizes[0] / batch_sizes[place]:
            break
        bend = batch_sizes[place]
    return bend


def with_accumulate(batch_sizes, steps):
    images = batch_sizes * steps
    return batch_sizes[np.logical_and.accumulate(images <= 1.5 * images[0]).sum() - 1]


def with_a_sentinel(batch_sizes, steps):
    perfect = steps[0] / 2.0 ** np.arange(len(steps))
    return int(batch_sizes[np.argmin(np.append(steps / perfect <= 1.5, False)) - 1])


@pytest.mark.parametrize("right", [going_up, with_accumulate, with_a_sentinel])
def test_a_right_bend_is_right(right):
    assert exercises.check_perfect_scaling(right).right


@pytest.mark.parametrize("usual", batch_scaling.BENDS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_the_bend_is_named(usual):
    verdict = exercises.check_perfect_scaling(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def never_breaks(batch_sizes, steps):
    bend = batch_sizes[0]
    for place in range(1, len(steps)):
        if steps[place] * batch_sizes[place] <= 1.5 * steps[0] * batch_sizes[0]:
            bend = batch_sizes[place]
    return bend


def breaks_above(batch_sizes, steps):
    for place in range(1, len(steps)):
        if steps[place] * batch_sizes[place] > 1.5 * steps[0] * batch_sizes[0]:
            return batch_sizes[place - 1]
    return batch_sizes[-1]


def forgets_the_end(batch_sizes, steps):
    for place in range(1, len(steps)):
        if not steps[place] * batch_sizes[place] <= 1.5 * steps[0] * batch_sizes[0]:
            return batch_sizes[place - 1]


BENDS = {
    "It goes on after the first size that took too many steps": never_breaks,
    "Where the target was never met, the steps were too many": breaks_above,
    "with batch sizes of 32 to 128 and 900, 460 and 240 steps, it answers None, not 128": forgets_the_end,
    "It is where the steps are fewest": lambda sizes, steps: min(zip(steps, sizes, strict=True))[1],
    "It is a place in the list or a count of doublings": lambda sizes, steps: int(
        np.log2(going_up(sizes, steps) / sizes[0])
    ),
    "small losses add up unseen": lambda sizes, steps: sizes[
        np.logical_and.accumulate(steps[1:] <= 0.6 * steps[:-1]).sum()
    ],
    "it returns an array of shape (7,), not one number": lambda sizes, steps: sizes * steps,
}


@pytest.mark.parametrize("says", BENDS)
def test_what_is_wrong_with_a_bend_is_told(says):
    verdict = exercises.check_perfect_scaling(BENDS[says])
    assert not verdict.right
    assert says in verdict.sentence


def test_no_size_of_the_cases_is_a_matter_of_rounding():
    for case in batch_scaling._SCALED:
        sizes, steps = case.arguments
        times = steps * sizes / (steps[0] * sizes[0])
        assert not (np.abs(times - 1.5) < 0.01).any()


def with_where(errors):
    return np.median(np.where(np.isnan(errors), 1, errors), axis=-1).min(axis=-1)


def in_lists(errors):
    filled = np.nan_to_num(errors, nan=1.0).tolist()
    return [min(sorted(seeds)[len(seeds) // 2] for seeds in rates) for rates in filled]


@pytest.mark.parametrize("right", [with_where, in_lists])
def test_right_tuned_errors_are_right(right):
    assert exercises.check_tuned_error(right).right


@pytest.mark.parametrize("usual", tuned.TUNINGS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_tuning_is_named(usual):
    verdict = exercises.check_tuned_error(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def one_rate_for_all(errors):
    filled = np.nan_to_num(errors, nan=1.0)
    rate = np.median(filled, axis=(0, 2)).argmin()
    return np.median(filled[:, rate], axis=-1)


def fills_in_place(errors):
    errors[np.isnan(errors)] = 1
    return with_where(errors)


TUNINGS = {
    "Almost: the answers agree, but errors is overwritten in place.": fills_in_place,
    "One rate stands for all batch sizes": one_rate_for_all,
    "A seed that diverged is passed over": lambda errors: [min(np.nanmedian(one, axis=1)) for one in errors],
    "The best single run wins": lambda errors: [np.nanmin(one) for one in errors],
    "its answer has the shape (3, 4), not (3,)": lambda errors: np.median(errors, axis=-1),
    "its answer has the shape (), not (3,)": lambda errors: 0.12,
    "it stops with": lambda errors: errors.min(axis=3),
}


@pytest.mark.parametrize("says", TUNINGS)
def test_what_is_wrong_with_tuning_is_told(says):
    verdict = exercises.check_tuned_error(TUNINGS[says])
    assert not verdict.right
    assert says in verdict.sentence
