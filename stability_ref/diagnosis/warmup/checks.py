"""Two of the playbook's checks that need runs of their own: the early one (D6) and the double check (D8)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from stability_ref.checks import require, whole_number
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.one_run import MID, Finding, judge
from stability_ref.diagnosis.warmup.training_functions import Train, is_finite, positive, train_log


def early_check(train: Train, best_rate: float, steps: int = 500) -> Finding:
    """About 500 steps at twice the best rate, measured at every step (playbook D6, Figure 5).

    Some models blow up within the first steps and recover, slow but stable; ordinary evaluation schedules
    miss it. So a log with gaps is refused; one that ends early with a loss that is not finite is a result.

    Args:
        train: the training function, see `training_functions.Train`; it is called without warmup.
        best_rate: the best rate so far (D1).
        steps: of the run.

    Returns:
        What `judge` finds.

    Raises:
        ValueError: naming the argument that is wrong, or the log that lacks steps.

    Example:
        >>> def train(rate, warmup_steps, steps):
        ...     return 2 * 0.99 ** np.arange(steps)
        >>> early_check(train, best_rate=0.1).unstable
        False
    """
    rate, steps = 2 * positive("best_rate", best_rate), whole_number("steps", steps, minimum=1)
    log = train_log(train, rate, 0, steps)
    allowed = f"measured at every one of its {steps} steps (D6)"
    is_whole = len(log) >= steps or not is_finite(log)
    gaps = np.flatnonzero(np.diff(log.step) != 1)
    came = f"{len(log)} of them" + (f", none between {log.step[gaps[0]]} and the next" if gaps.size else "")
    require(is_whole and not gaps.size, f'the log "{log.name}"', allowed, came)
    return judge(log)


def confirm(
    train: Train, peak_rate: float, steps: int, factors: Sequence[float] = (5, 10)
) -> dict[float, Finding]:
    """The double check: train at 5 and 10 times the peak rate (playbook D8, Figure 7b).

    A sudden rise after a steady decline, "unstable in mid training", is what the playbook has in mind.
    **Ours**: any instability confirms, and the last sentence of the evidence says which kind it is.

    Args:
        train: the training function, see `training_functions.Train`; it is called without warmup.
        peak_rate: the best feasible rate of the axis plot (D7).
        steps: of each run.
        factors: times the peak, each above 1.

    Returns:
        For each factor the finding.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> def train(rate, warmup_steps, steps):
        ...     return 2 * 0.99 ** np.arange(steps) + (rate > 0.9) * 60 * (np.arange(steps) > 150)
        >>> found = confirm(train, peak_rate=0.1, steps=300)
        >>> found[10].evidence[-1]
        'confirms instability: the loss rises suddenly after a steady decline (D8)'
    """
    peak, steps = positive("peak_rate", peak_rate), whole_number("steps", steps, minimum=1)
    is_list = isinstance(factors, Sequence | np.ndarray)
    require(is_list, "factors", "a list of numbers above 1", factors)
    require(len(factors), "factors", "at least one number above 1", factors)
    for factor in factors:
        require(positive("factors", factor) > 1, "factors", "numbers above 1", factor)
    return {factor: _confirmed(train_log(train, factor * peak, 0, steps)) for factor in factors}


def _confirmed(log: Log) -> Finding:
    finding = judge(log)
    if finding.verdict == MID:
        said = "confirms instability: the loss rises suddenly after a steady decline (D8)"
    elif finding.unstable:
        said = f"confirms instability, of another kind than D8 describes: {finding.verdict} (D4)"
    else:
        said = "does not confirm instability (D8)"
    return dataclasses.replace(finding, evidence=(*finding.evidence, said))
