"""What came out of `clipping_trials`, as tables: counts of seeds, usable rates, errors to two digits.

A run that diverged is told in words, since its numbers differ between processors.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from stability_ref.checks import known
from stability_ref.clipping_trials import RATIOS, SHARES, Outcome

Row = dict[str, str]

TUNED: dict[str, tuple[str, ...]] = {
    "best of 4 λ … λ/16": tuple(SHARES),
    "best AGC of 0.01 … 0.64": tuple(f"AGC {ratio:g}" for ratio in RATIOS),
}
SHOWN = (
    "unclipped",
    "λ",
    "best of 4 λ … λ/16",
    "percentile 90",
    "percentile 50",
    "AGC 0.01",
    "best AGC of 0.01 … 0.64",
)


class Sweep(NamedTuple):
    """What a way of clipping is worth on a net: which rates it makes usable, and the best of them."""

    net: str
    way: str
    usable: tuple[float, ...]  # rates at which most seeds trained
    best: Outcome  # at the rate with the lowest median test error


def sweeps(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], Sweep]:
    """The outcomes of `adaptive` by net and way, the best of each grid in TUNED among them.

    The best of a grid has the lowest test error at its best rate, to two digits, as tuning would find it; of
    several such the one with the most usable rates.
    """
    found: dict[tuple[str, str], Sweep] = {}
    for net in dict.fromkeys(one.net for one in outcomes):
        for way in dict.fromkeys(one.way for one in outcomes if one.net == net):
            some = [one for one in outcomes if (one.net, one.way) == (net, way)]
            found[net, way] = Sweep(
                net,
                way,
                tuple(one.rate for one in some if one.usable),
                min(some, key=lambda one: one.median_error),
            )
        for label, grid in TUNED.items():
            tried = [found[net, way] for way in grid if (net, way) in found]
            if tried:
                found[net, label] = min(
                    tried, key=lambda one: (round(one.best.median_error, 2), -len(one.usable))
                )
    return found


def warmup_rows(outcomes: Sequence[Outcome], measure: str = "trained") -> list[Row]:
    """One row a way, one column a net and rate.

    Args:
        outcomes: from `clipping_trials.in_warmup`.
        measure: "verdict": whether most seeds trained, the same on every processor, as the others are not;
            "trained": how many did, and where most did the share of updates that was clipped; "test error":
            the median final one; "peak": the median of the highest loss over the first.

    Raises:
        ValueError: if there is no such measure.

    Example:
        >>> from stability_ref.clipping_trials import in_warmup
        >>> rows = warmup_rows(in_warmup([0], {"sick twin": [0.5]}), "verdict")
        >>> rows[0], rows[1]
        ({'': 'nothing', 'sick twin, 0.5': 'fails'}, {'': 'warmup', 'sick twin, 0.5': 'trains'})
    """
    known("measure", measure, _TOLD)
    rows = []
    for way in dict.fromkeys(one.way for one in outcomes):
        some = [one for one in outcomes if one.way == way]
        rows.append({"": way, **{f"{one.net}, {one.rate:g}": _TOLD[measure](one) for one in some}})
    return rows


def adaptive_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """One row a way of clipping, one column a net: the usable rates, and the median error at the best one.

    Args:
        outcomes: from `clipping_trials.adaptive`.
    """
    found = sweeps(outcomes)
    nets = list(dict.fromkeys(one.net for one in outcomes))
    shown = [way for way in SHOWN if (nets[0], way) in found]
    return [{"": way, **{net: _told_sweep(found[net, way]) for net in nets}} for way in shown]


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown.

    Example:
        >>> print(table([{"": "warmup", "no norm": "5 of 5"}]))
        |  | no norm |
        |---|---|
        | warmup | 5 of 5 |
    """
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([written[0], "|---" * len(rows[0]) + "|", *written[1:]])


def _told_verdict(one: Outcome) -> str:
    return "trains" if one.usable else "fails"


def _told_trained(one: Outcome) -> str:
    share = round(100 * float(np.median(one.clipped)))
    trained = f"{one.trained.sum()} of {one.trained.size}"
    return f"{trained}, {share} % clipped" if one.usable and share else trained


def _told_error(one: Outcome) -> str:
    return f"{one.median_error:.2f}" if one.usable else "not trained"


def _told_peak(one: Outcome) -> str:
    peak = float(np.median(one.peak))
    return f"{peak:.1f}" if peak < 10 else "above 10"


_TOLD: dict[str, Callable[[Outcome], str]] = {
    "verdict": _told_verdict,
    "trained": _told_trained,
    "test error": _told_error,
    "peak": _told_peak,
}


def _told_sweep(sweep: Sweep) -> str:
    if not sweep.usable:
        return "none"
    usable = " … ".join(f"{rate:.1g}" for rate in dict.fromkeys((sweep.usable[0], sweep.usable[-1])))
    return f"{usable}; {sweep.best.median_error:.2f}"
