"""What may be taken wrongly for the error at the best rate, where every rate was run with several seeds."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def worst(errors: Array, instead: float = 1.0) -> Array:
    """With another number where a run diverged."""
    return np.where(np.isnan(errors), instead, errors)


def medians(errors: Array) -> Array:
    """Over the seeds, which come first here."""
    return np.median(worst(errors), axis=0)


_LUCK = "The best single run wins, which is the luck of one seed: take the median over the seeds first."
_AVERAGE = "It averages over the rates, bad ones too: whoever tunes uses only the best rate."
_OWN_RATES = "Each seed picks a rate of its own; one rate must do for all seeds."
_PASSED_OVER = "A seed that diverged is passed over, as if it had never been run: it counts as error 1."
# What is taken wrongly for the error at the best rate; the errors have the shape (seeds, rates).
BESTS: list[tuple[str, Callable[[Array], Any]]] = [
    (_LUCK, np.nanmin),
    (
        "The rate is chosen by the median, and then the best seed at that rate is taken.",
        lambda errors: worst(errors).min(axis=0)[medians(errors).argmin()],
    ),
    (_AVERAGE, np.nanmean),
    (_AVERAGE, np.nanmedian),
    (_AVERAGE, lambda errors: np.mean(worst(errors))),
    (_AVERAGE, lambda errors: np.median(worst(errors))),
    (_AVERAGE, lambda errors: medians(errors).mean()),
    (_AVERAGE, lambda errors: np.nanmedian(errors, axis=0).mean()),
    (_OWN_RATES, lambda errors: np.median(worst(errors).min(axis=1))),
    (_OWN_RATES, lambda errors: np.mean(worst(errors).min(axis=1))),
    (_PASSED_OVER, lambda errors: np.nanmin(np.nanmedian(errors, axis=0))),
    (_PASSED_OVER, lambda errors: np.nanmin(np.nanmean(errors, axis=0))),
    (
        "One NaN makes the median NaN, and everything after it.",
        lambda errors: np.median(errors, axis=0).min(),
    ),
    (
        "A rate at which one seed diverged is left out; its median may still be the best.",
        lambda errors: np.nanmin(np.median(errors, axis=0)),
    ),
    (
        "NaN has become 0, so that to diverge is the best of all.",
        lambda errors: np.median(worst(errors, 0.0), axis=0).min(),
    ),
    (
        "It is the mean over the seeds, which one seed that diverged pulls up: take the median.",
        lambda errors: worst(errors).mean(axis=0).min(),
    ),
    (
        "It takes the worst seed at each rate, not the median.",
        lambda errors: worst(errors).max(axis=0).min(),
    ),
    (
        "The axes of seeds and rates have changed places.",
        lambda errors: np.median(worst(errors), axis=1).min(),
    ),
    (
        "It takes the rate with the largest error, not the smallest.",
        lambda errors: medians(errors).max(),
    ),
    (
        "A run that diverged counts as inf; it counts as error 1, nothing right, which can be compared.",
        lambda errors: np.median(worst(errors, np.inf), axis=0).min(),
    ),
]
