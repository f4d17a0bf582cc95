"""The self-checks of the clipping threshold and of how much it clips: clauses C3 and C5."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.clipping import clipped_fraction, threshold_at_percentile
from stability_ref.exercises.answers import number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell


def check_threshold(threshold: Callable[..., Any]) -> Verdict:
    """Compare the first threshold that you choose with clause C3: the 90th percentile of a run's norms.

    A run that did not survive has NaN or inf among its norms, and before them the huge ones on the way there.
    Their percentile is a number and means nothing, and a λ of NaN never clips. So such norms must be refused:
    raise ValueError, as the reference does, and take the norms of a run at a lower rate.

    Args:
        threshold: your threshold(norms) -> λ, for an array of unclipped norms, one a step.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_threshold(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda norms: np.percentile(norms, 0.9)
        ... )
        Not yet: with 21 norms that fall from 10 to 0.48, it answers 0.480476, not 3.33333. It looks like this
        mistake: np.percentile counts from 0 to 100: 0.9 is not yet the first percentile.
    """
    praise = "nine in ten norms lie at or below it, and a run that did not survive is refused."
    return tell(judge(threshold, Exercise(_threshold_cases(), THRESHOLDS, number, praise)))


def check_clipped_share(share: Callable[..., Any]) -> Verdict:
    """Compare how you count the updates that are clipped with clause C1, for the judgement of C5.

    Args:
        share: your share(norms, threshold) -> the share of all updates that is clipped, from 0 to 1. A norm
            that is NaN is an update like others, and is not clipped.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_clipped_share(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda norms, threshold: np.mean(norms >= threshold)
        ... )
        Not yet: with norms of 1, 2, 2, 5 and 8 and λ = 2, it answers 0.8, not 0.4. It looks like this
        mistake: A norm of exactly λ counts; only what exceeds λ is clipped.
    """
    praise = "it is the share of the updates whose norm exceeds λ; above a half, cut the rate instead (C5)."
    cases = [
        _share_case("with norms of 1, 2, 2, 5 and 8 and λ = 2", [1, 2, 2, 5, 8], 2.0),
        _share_case("with norms of 3, 1, 4 and 1 and λ = 9", [3, 1, 4, 1], 9.0),
        _share_case("with norms of 6, 1, NaN and 7 and λ = 5", [6, 1, np.nan, 7], 5.0, special=True),
    ]
    return tell(judge(share, Exercise(cases, SHARES, number, praise)))


def _threshold_cases() -> list[Case]:
    """21 and 101 norms: whichever way a percentile is defined, the 90th is one of them."""
    norms = np.random.default_rng(0).lognormal(size=101)
    survived = [
        ("with 21 norms that fall from 10 to 0.48", 10 / np.arange(1, 22)),
        ("with 101 norms that come and go", norms),
    ]
    lost = [
        ("where the last norms are NaN", np.array([3.0, 2.0, 1.0, 8.0, 90.0, np.nan, np.nan])),
        ("where the last norm is inf", np.array([3.0, 2.0, 1.0, 8.0, 90.0, 2e3, np.inf])),
    ]
    return [Case(where, (norms,), threshold_at_percentile(norms)) for where, norms in survived] + [
        Case(where, (norms,), ValueError, special=True) for where, norms in lost
    ]


def _share_case(where: str, norms: list[float], threshold: float, special: bool = False) -> Case:
    array = np.array(norms, dtype=float)
    return Case(where, (array, threshold), clipped_fraction(array, threshold), special)


THRESHOLDS = [
    Usual(
        "np.percentile counts from 0 to 100: 0.9 is not yet the first percentile.",
        lambda norms: np.percentile(norms, 0.9),
    ),
    Usual("It takes the mean, which a few huge norms pull up.", np.mean),
    Usual("It takes the largest norm, at which nothing is ever clipped.", np.max),
    Usual("It takes the median, at which half of the updates are clipped: C5 calls that extreme.", np.median),
    Usual("It takes 90 % of the largest norm, which one spike decides.", lambda norms: 0.9 * norms.max()),
    Usual("It takes the 10th percentile: nine in ten updates are clipped.", lambda n: np.percentile(n, 10)),
    *(
        Usual(
            "It takes another percentile than the 90th.",
            lambda norms, percentile=percentile: np.percentile(norms, percentile),
        )
        for percentile in (75, 80, 95, 99)
    ),
    Usual(
        "It takes the norm of a late step: sort the norms by size first.",
        lambda norms: norms[int(0.9 * len(norms))],
    ),
    Usual(
        "NaN comes through. A λ of NaN never clips, for nothing exceeds it, and nobody is told.",
        lambda norms: np.percentile(norms, 90),
    ),
    Usual(
        "NaN is passed over, and the huge norms on the way there are not: take a run that survived.",
        lambda norms: np.nanpercentile(norms, 90),
    ),
    Usual(
        "What is not finite is passed over, and the huge norms on the way there are not: take a run that "
        "survived.",
        lambda norms: np.percentile(norms[np.isfinite(norms)], 90),
    ),
    Usual(
        "None breaks later and elsewhere. Raise ValueError here, and say which run to take.",
        lambda norms: threshold_at_percentile(norms) if np.isfinite(norms).all() else None,
    ),
]
SHARES = [
    Usual(
        "A norm of exactly λ counts; only what exceeds λ is clipped.", lambda n, limit: np.mean(n >= limit)
    ),
    Usual("It is a percentage; a share goes from 0 to 1.", lambda n, limit: 100 * np.mean(n > limit)),
    Usual("It is the number of clipped updates, not their share.", lambda n, limit: np.sum(n > limit)),
    Usual("It is the share that is not clipped.", lambda n, limit: np.mean(n <= limit)),
    Usual("It is the share that is not clipped.", lambda n, limit: np.mean(n < limit)),
    Usual("It is a yes or no, not a share.", lambda n, limit: float(np.mean(n > limit) > 0.5)),
    Usual(
        "An update whose norm is NaN is left out of the count; it was an update too.",
        lambda n, limit: np.mean(n[np.isfinite(n)] > limit),
    ),
    Usual("NaN counts as clipped; it exceeds nothing.", lambda n, limit: np.mean(~(n <= limit))),
]
