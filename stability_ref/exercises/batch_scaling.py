"""The self-check of how far larger batches pay: clause B4."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell

Array = np.ndarray
NEARLY_HALF = 0.6  # ours: a doubled batch size with at most this share of the steps has nearly halved them


def check_perfect_scaling(bend: Callable[..., Any]) -> Verdict:
    """Compare where you see perfect scaling end with ours (playbook B4; Shallue et al. 2018).

    Ours: a doubling of the batch size nearly halves the steps to a target if at most 0.6 of them are left.

    Args:
        bend: your bend(batch_sizes, steps) -> the largest batch size up to which every doubling nearly halved
            the steps; the smallest one if the first doubling did not. Both are arrays: batch sizes that
            double from one to the next, and the steps to the target with each, NaN where it was never met.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_perfect_scaling(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda batch_sizes, steps: batch_sizes[steps.argmin()]
        ... )
        Not yet: with batch sizes of 16 to 1024 and 8000, 4000, 2100, 1800, 1900, 1000 and 550 steps, it
        answers 1024, not 64. It looks like this mistake: It is where the steps are fewest, long after
        doubling has stopped paying.
    """
    praise = "up to there twice the batch size costs half the steps, and beyond it more and more examples."
    return tell(judge(bend, Exercise(_SCALED, BENDS, number, praise)))


_NAN = float("nan")
_SCALED = [
    Case(
        "with batch sizes of 16 to 1024 and 8000, 4000, 2100, 1800, 1900, 1000 and 550 steps",
        (np.array([16, 32, 64, 128, 256, 512, 1024]), np.array([8000.0, 4000, 2100, 1800, 1900, 1000, 550])),
        64,
    ),
    Case(
        "with batch sizes of 8 to 128 and 6000, 3400, 2000, 1150 and 1200 steps",
        (np.array([8, 16, 32, 64, 128]), np.array([6000.0, 3400, 2000, 1150, 1200])),
        64,
    ),
    Case(
        "with batch sizes of 8 to 128 and 6000, 3400, 2000, 1150 and 1100 steps",
        (np.array([8, 16, 32, 64, 128]), np.array([6000.0, 3400, 2000, 1150, 1100])),
        64,
    ),
    Case(
        "with batch sizes of 32 to 128 and 900, 450 and 230 steps",
        (np.array([32, 64, 128]), np.array([900.0, 450, 230])),
        128,
        special=True,
    ),
    Case(
        "with batch sizes of 32 to 128 and 900, 800 and 300 steps",
        (np.array([32, 64, 128]), np.array([900.0, 800, 300])),
        32,
        special=True,
    ),
    Case(
        "with batch sizes of 32 to 256 and 900, 500, NaN and NaN steps",
        (np.array([32, 64, 128, 256]), np.array([900.0, 500, _NAN, _NAN])),
        64,
        special=True,
    ),
]


def _pays(steps: Array, limit: float = NEARLY_HALF) -> Array:
    """Whether each doubling nearly halved the steps; not if they are NaN."""
    return steps[1:] / steps[:-1] <= limit


def _up_to(pays: Callable[[Array], Array]) -> Callable[[Array, Array], Any]:
    """Up to the first doubling that does not pay, where something else is called paying."""
    return lambda batch_sizes, steps: batch_sizes[np.logical_and.accumulate(pays(steps)).sum()]


_NO_STOP = "It goes on after the first doubling that did not pay: later ones start from too many steps."
BENDS = [
    Usual(
        "It is where the steps are fewest, long after doubling has stopped paying.",
        lambda batch_sizes, steps: batch_sizes[np.nanargmin(steps)],
    ),
    Usual(
        "It is where the steps are fewest, long after doubling has stopped paying.",
        lambda batch_sizes, steps: batch_sizes[np.argmin(steps)],
    ),
    Usual(
        "It compares with the smallest batch size only; each doubling starts from the size before.",
        lambda batch_sizes, steps: batch_sizes[1:][steps[1:] <= NEARLY_HALF * steps[0]][-1],
    ),
    Usual(
        "It compares with the smallest batch size only; each doubling starts from the size before.",
        _up_to(lambda steps: steps[1:] <= NEARLY_HALF * steps[0]),
    ),
    Usual(
        "It compares with perfect scaling from the smallest size on, where small losses add up: compare each "
        "batch size with the one before.",
        lambda batch_sizes, steps: _up_to(
            lambda taken: taken[1:] * batch_sizes[1:] <= 2 * NEARLY_HALF * taken[0] * batch_sizes[0]
        )(batch_sizes, steps),
    ),
    Usual("It counts doublings; the answer is a batch size.", lambda batch_sizes, steps: _pays(steps).sum()),
    Usual(
        "It counts doublings; the answer is a batch size.",
        lambda batch_sizes, steps: np.logical_and.accumulate(_pays(steps)).sum(),
    ),
    Usual(_NO_STOP, lambda batch_sizes, steps: batch_sizes[1:][_pays(steps)][-1]),
    Usual(_NO_STOP, lambda batch_sizes, steps: batch_sizes[_pays(steps).sum()]),
    Usual(
        "It is the first batch size that did not pay, not the one before it.",
        lambda batch_sizes, steps: batch_sizes[1:][~_pays(steps)][0],
    ),
    Usual(
        "It is the one before the last that paid: the size that a doubling leads to counts.",
        lambda batch_sizes, steps: batch_sizes[np.logical_and.accumulate(_pays(steps)).sum() - 1],
    ),
    Usual(
        "It asks for exact halving: nearly is enough, at most 0.6 of the steps.",
        _up_to(lambda steps: _pays(steps, 0.5)),
    ),
    Usual(
        "Any saving counts as halving: at most 0.6 of the steps may be left.",
        _up_to(lambda steps: _pays(steps, 1.0)),
    ),
    Usual(
        "The quotient of the steps is upside down, and no doubling seems to pay.",
        _up_to(lambda steps: steps[:-1] / steps[1:] <= NEARLY_HALF),
    ),
    Usual(
        "It is the number of steps; the answer is a batch size.",
        lambda batch_sizes, steps: steps[np.logical_and.accumulate(_pays(steps)).sum()],
    ),
    Usual(
        "Where the target was never met a doubling did not pay; NaN is not above 0.6, nor below it.",
        _up_to(lambda steps: ~(steps[1:] / steps[:-1] > NEARLY_HALF)),
    ),
    Usual(
        "Where every doubling pays, argmin finds the first; then the answer is the largest batch size.",
        lambda batch_sizes, steps: batch_sizes[np.argmin(_pays(steps))],
    ),
    Usual(
        "Where every doubling pays there is no first failure; then the answer is the largest batch size.",
        lambda batch_sizes, steps: batch_sizes[:-1][~_pays(steps)][0],
    ),
    *(
        Usual(
            "Where the first doubling does not pay the answer is the smallest batch size.",
            lambda batch_sizes, steps, default=default: (
                _up_to(_pays)(batch_sizes, steps) if _pays(steps)[0] else default
            ),
        )
        for default in (None, 0)
    ),
]
