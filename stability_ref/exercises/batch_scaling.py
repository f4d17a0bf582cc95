"""The self-check of how far larger batches pay: clause B4."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref import batch_recipes
from stability_ref.exercises.answers import number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell

Array = np.ndarray


def check_perfect_scaling(bend: Callable[..., Any]) -> Verdict:
    """Compare where you see perfect scaling end with `batch_recipes.bend` (playbook B4; Shallue et al. 2018).

    Args:
        bend: your bend(batch_sizes, steps) -> the largest batch size up to which the steps are at most 1.5
            times those of perfect scaling, which halves those of the smallest size with every doubling. Both
            are arrays: batch sizes that double from one to the next, and the steps to the target with each,
            NaN where it was never met.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_perfect_scaling(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda batch_sizes, steps: batch_sizes[steps.argmin()]
        ... )
        Not yet: with batch sizes of 16 to 1024 and 8000, 4100, 2200, 1400, 1200, 350 and 180 steps, it
        answers 1024, not 128. It looks like this mistake: It is where the steps are fewest, long after
        doubling has stopped paying.
    """
    praise = "up to there a larger batch hardly costs more examples, and beyond it more and more."
    return tell(judge(bend, Exercise(_SCALED, BENDS, number, praise)))


def _scaled(smallest: int, *steps: float, special: bool = False) -> Case:
    """Batch sizes that double from the smallest on, and their steps."""
    sizes = smallest * 2 ** np.arange(len(steps))
    *said, last = (f"{count:g}" if count == count else "NaN" for count in steps)
    where = f"with batch sizes of {smallest} to {sizes[-1]} and {', '.join(said)} and {last} steps"
    taken = np.array(steps, dtype=float)
    return Case(where, (sizes, taken), batch_recipes.bend(taken, sizes.tolist()), special)


_NAN = float("nan")
_SCALED = [
    _scaled(16, 8000, 4100, 2200, 1400, 1200, 350, 180),
    _scaled(8, 6000, 4200, 2900, 2950),
    _scaled(32, 900, 460, 240, special=True),
    _scaled(32, 900, 800, 850, special=True),
    _scaled(32, 900, 500, _NAN, _NAN, special=True),
]


def _within(batch_sizes: Array, steps: Array, factor: float = 1.5) -> Array:
    """Whether each size's steps are at most so many times the perfect ones; not if they are NaN."""
    return steps * batch_sizes <= factor * steps[0] * batch_sizes[0]


def _before_the_first(failure: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Any]:
    """Up to the first size that is called too many, where something else is called that."""
    return lambda batch_sizes, steps: batch_sizes[
        np.logical_and.accumulate(~failure(batch_sizes, steps)[1:]).sum()
    ]


def _one_by_one(left: float) -> Callable[[Array, Array], Any]:
    """Each size beside the one before it, of whose steps at most this share may be left."""
    return _before_the_first(lambda batch_sizes, steps: ~(steps <= left * np.append(np.inf, steps[:-1])))


_FEWEST = "It is where the steps are fewest, long after doubling has stopped paying."
_ADD_UP = (
    "It compares each batch size with the one before, and small losses add up unseen: compare with perfect "
    "scaling from the smallest on."
)
_NO_STOP = "It goes on after the first size that took too many steps: the bend is where it begins."
_PLACE = "It is a place in the list or a count of doublings; the answer is a batch size."
_right = _before_the_first(lambda batch_sizes, steps: ~_within(batch_sizes, steps))
BENDS = [
    Usual(_FEWEST, lambda batch_sizes, steps: batch_sizes[np.nanargmin(steps)]),
    Usual(_FEWEST, lambda batch_sizes, steps: batch_sizes[np.argmin(steps)]),
    *(Usual(_ADD_UP, _one_by_one(left)) for left in (0.75, 0.6, 2 / 3)),
    Usual(_PLACE, lambda batch_sizes, steps: np.searchsorted(batch_sizes, _right(batch_sizes, steps))),
    Usual(_PLACE, lambda batch_sizes, steps: _within(batch_sizes, steps).sum()),
    Usual(_NO_STOP, lambda batch_sizes, steps: batch_sizes[_within(batch_sizes, steps)][-1]),
    Usual(_NO_STOP, lambda batch_sizes, steps: batch_sizes[_within(batch_sizes, steps).sum() - 1]),
    Usual(
        "It is the first batch size that took too many steps, not the one before it.",
        lambda batch_sizes, steps: batch_sizes[~_within(batch_sizes, steps)][0],
    ),
    Usual(
        "It asks for perfect scaling to the step: up to 1.5 times as many are allowed.",
        _before_the_first(lambda batch_sizes, steps: ~_within(batch_sizes, steps, 1.0)),
    ),
    Usual(
        "All are compared with 1.5 times the smallest size's steps; perfect scaling halves them every time.",
        _before_the_first(lambda batch_sizes, steps: ~(steps <= 1.5 * steps[0])),
    ),
    Usual(
        "It is the number of steps; the answer is a batch size.",
        lambda batch_sizes, steps: steps[batch_sizes == _right(batch_sizes, steps)][0],
    ),
    Usual(
        "Where the target was never met, the steps were too many; NaN is not above a limit, nor below it.",
        _before_the_first(lambda batch_sizes, steps: steps * batch_sizes > 1.5 * steps[0] * batch_sizes[0]),
    ),
    Usual(
        "Where no size takes too many there is no first one; then the answer is the largest batch size.",
        lambda batch_sizes, steps: batch_sizes[:-1][~_within(batch_sizes, steps)[1:]][0],
    ),
]
