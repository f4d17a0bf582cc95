"""What came out of `fixes_trials`, as tables: usable rates, and errors in per cent."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from stability_ref.checks import known
from stability_ref.clipping_tables import Row
from stability_ref.fixes_recipes import ALONE, FIXES
from stability_ref.fixes_trials import Outcome

Named = Mapping[tuple[str, str], Outcome]


def by_name(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], Outcome]:
    """The outcomes by network and fix."""
    return {(one.net, one.fix): one for one in outcomes}


def rows(outcomes: Sequence[Outcome], measure: str = "summary") -> list[Row]:
    """One row a fix with its clause, one column a network; a dash where the fix does not apply.

    Args:
        outcomes: from `fixes_trials.sweep_all`, without a fix (X6) among them.
        measure: "summary": how many times the largest usable rate without a fix (not for Adam, whose rates
            are its own), the lowest usable rate to the highest, and the median test error at the best rate;
            "rates": the best rate and the largest usable one; "error": the median and the range of the test
            error over the seeds.

    Raises:
        ValueError: if there is no such measure.

    Example:
        >>> from stability_ref.fixes_trials import sweep
        >>> some = [sweep("bad batches", fix, [0], rates=[1 / 64, 1 / 32]) for fix in ("clipping", ALONE)]
        >>> [row["bad batches"].split(";")[0] for row in rows(some)]
        ['× 1, 1 : 2', '× 1, 1 : 2']
    """
    known("measure", measure, _TOLD)
    named = by_name(outcomes)
    nets = list(dict.fromkeys(one.net for one in outcomes))
    shown = [fix for fix in FIXES if any((net, fix) in named for net in nets)]
    return [
        {
            "": f"{fix} ({FIXES[fix].clause})",
            **{net: _TOLD[measure](named, net, fix) if (net, fix) in named else "–" for net in nets},
        }
        for fix in shown
    ]


def rate_factor(named: Named, net: str, fix: str) -> float:
    """The median largest usable rate over that without a fix; infinite if that has none.

    It compares rates of the same rule only: with Adam it means nothing.
    """
    alone = float(np.median(named[net, ALONE].highest))
    return float(np.median(named[net, fix].highest)) / alone if alone else float("inf")


def _told_summary(named: Named, net: str, fix: str) -> str:
    one = named[net, fix]
    factor = "" if FIXES[fix].rule == "adam" else f"× {rate_factor(named, net, fix):.3g}, "
    return f"{factor}1 : {np.median(one.span):.0f}; {100 * np.median(one.best_errors):.1f} %"


def _told_rates(named: Named, net: str, fix: str) -> str:
    one = named[net, fix]
    highest = float(np.median(one.highest))
    beyond = " or more" if highest == one.rates[-1] else ""
    return f"{one.rates[one.best]:.2g}, up to {highest:.2g}{beyond}"


def _told_error(named: Named, net: str, fix: str) -> str:
    errors = 100 * named[net, fix].best_errors
    return f"{np.median(errors):.1f} % ({errors.min():.1f} – {errors.max():.1f})"


_TOLD: dict[str, Callable[[Named, str, str], str]] = {
    "summary": _told_summary,
    "rates": _told_rates,
    "error": _told_error,
}
