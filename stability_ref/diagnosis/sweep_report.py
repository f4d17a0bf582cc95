"""Several runs that differ in their learning rates, judged together (clauses D1, D2, D3, D7, D9)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stability_ref.diagnosis.instability import significant_instability
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.one_run import Finding
from stability_ref.diagnosis.rises import final_level
from stability_ref.diagnosis.sweep import at_the_edge, best_rate, feasible, held_back, rates_above

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class SweepReport:
    """What the runs of a sweep say together, in ascending order of their rates."""

    rates: Array  # (R,)
    results: Array  # (R,) final validation loss, or final training loss where there is none; inf: diverged
    measure: str  # which of the two
    unstable: Array  # (R,) a rise was seen in the run by itself, or against the lowest rate's run
    feasible: Array  # (R,)
    best: float  # lr*
    at_the_edge: bool
    held_back: bool
    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """In values that JSON knows; None stands for a result that is not finite."""
        return {
            "rates": self.rates.tolist(),
            "results": [result if math.isfinite(result) else None for result in self.results.tolist()],
            "measure": self.measure,
            "unstable": self.unstable.tolist(),
            "feasible": self.feasible.tolist(),
            "best": self.best,
            "at_the_edge": self.at_the_edge,
            "held_back": self.held_back,
            "sentences": list(self.sentences),
        }


def base_rate(log: Log) -> float:
    """The highest learning rate of a run; infinite if it was not logged."""
    if log.learning_rate is None or not np.isfinite(log.learning_rate).any():
        return math.inf
    return float(np.nanmax(log.learning_rate))


def judge_sweep(logs: Sequence[Log], findings: Sequence[Finding]) -> SweepReport | None:
    """A sweep's report; None where there are not at least three runs with different learning rates.

    Example:
        >>> logs = [Log(np.full(60, loss), learning_rate=np.full(60, rate), name=f"{rate}")
        ...         for rate, loss in {0.1: 1.0, 0.2: 0.5, 0.4: np.nan}.items()]
        >>> from stability_ref.diagnosis.one_run import judge
        >>> judge_sweep(logs, [judge(log) for log in logs]).best
        0.2
    """
    rates = np.array([base_rate(log) for log in logs])
    if len(logs) < 3 or len(set(rates)) < len(logs) or not np.isfinite(rates).all() or not rates.all():
        return None
    validated = all(_validation(log) is not None for log in logs)
    results = np.array([_validation(log) if validated else final_level(log.loss) for log in logs])
    measure = "final validation loss" if validated else "final training loss"
    lowest = logs[int(np.argmin(rates))]
    unstable = np.array(
        [finding.unstable or _against(log, lowest) for log, finding in zip(logs, findings, strict=True)]
    )
    first = np.array([log.loss[0] for log in logs])
    if not np.isfinite(first).any():
        return None
    untrained = float(np.median(first[np.isfinite(first)]))
    possible = feasible(results, rates=rates, untrained=untrained) & np.isfinite(results)
    if not possible.any():
        return None
    best = best_rate(rates, np.where(possible, results, np.nan))
    report = SweepReport(
        rates,
        results,
        measure,
        unstable,
        possible,
        best,
        at_the_edge(rates, results, possible),
        held_back(rates, np.where(possible, results, np.nan), unstable),
        (),
    )
    return replace(report, sentences=tuple(_sentences(report)))


def _validation(log: Log) -> float | None:
    """The last validation loss; None if the run was never evaluated."""
    if log.validation_loss is None:
        return None
    evaluated = log.validation_loss[~np.isnan(log.validation_loss)]
    return float(evaluated[-1]) if evaluated.size else None


def _against(log: Log, lowest: Log) -> bool:
    """Whether a run rises above the lowest rate's, where that can be told (playbook D3)."""
    comparable = np.array_equal(log.step, lowest.step) and np.isfinite(lowest.loss).all()
    return bool(comparable and lowest.loss.max() > 0 and significant_instability(log.loss, lowest.loss))


def _sentences(sweep: SweepReport) -> Iterator[str]:
    best, rates = sweep.best, sweep.rates
    yield f"{best:.3g} has the lowest {sweep.measure} (D1)"
    above = rates_above(rates, best)
    if not above.size:
        yield "it is the highest rate of the sweep: the sweep should reach further (D2)"
    else:
        shown = ", ".join(f"{rate:.3g}" for rate in above)
        seen = sweep.unstable[np.isin(rates, above)].sum()
        yield f"of the rates just above it ({shown}) {seen} of {above.size} show loss instability (D2, D3)"
    if (~sweep.feasible).any():
        edge = "at" if sweep.at_the_edge else "not at"
        count = int((~sweep.feasible).sum())
        yield f"{count} of {rates.size} rates are infeasible; the best is {edge} the edge of the others (D7)"
    else:
        yield "every rate is feasible: the edge was not reached (D7)"
    if sweep.held_back:
        yield "instability forces too small a learning rate: fixing it is likely to improve training (D3, D9)"
    elif sweep.unstable.any():
        begins = f"instability begins at {rates[sweep.unstable].min() / best:.2g} times the best rate"
        yield f"{begins} and is not what holds this workload back (D9)"
