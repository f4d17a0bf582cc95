"""Which fix to try first: X1–X6 in the playbook's order, and what speaks for another start."""

from typing import NamedTuple

import numpy as np

from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.norms import Norms
from stability_ref.diagnosis.one_run import MID, Finding

SOON_AFTER = 3.0  # C6, ours: a rise before three times the ramp's length speaks for a longer ramp (Figure 6)


class Fix(NamedTuple):
    """One of the playbook's fixes."""

    clause: str
    name: str
    what: str  # what to do
    lesson: str  # the notebook that explains it


FIXES = (
    Fix("X1", "warmup", "ramp the learning rate up from 0; take the shortest ramp that trains stably at ten "
        "times the unstable rate (W1-W4)", "03_warmup"),
    Fix("X2", "gradient clipping", "clip the gradient's norm just above its typical size (C1-C3)",
        "04_gradient_clipping"),
    Fix("X3", "another optimizer", "Adam sometimes manages what Momentum cannot", "06_other_fixes"),
    Fix("X4", "best practices of the architecture", "residual connections, normalisation and the best "
        "initialisation, where one is missing; not Norm(x + f(x))", "03b_norm_placement"),
    Fix("X5", "residual branches that start at 0", "multiply each by a learnt number that is 0 at first "
        "(ReZero)", "03b_norm_placement"),
    Fix("X6", "a lower learning rate", "as a last resort", "06_other_fixes"),
)  # fmt: skip
_BY_CLAUSE = {fix.clause: fix for fix in FIXES}


def fixes_for(log: Log, finding: Finding, norms: Norms | None) -> tuple[Fix, ...]:
    """The fixes in the order in which to try them (playbook X1–X6); none for a run without a rise.

    Early instability: the playbook's own order, warmup first. Mid training: clipping first (X2, C6), unless
    the rise comes during or soon after the run's own warmup: then a longer warmup first (Figure 6). A known
    threshold for clipping is put in.

    Example:
        >>> steep = Log([2.0] * 100 + [90.0] * 100)
        >>> [fix.clause for fix in fixes_for(steep, Finding("unstable in mid training", 100), None)][:2]
        ['X2', 'X1']
    """
    if not finding.unstable:
        return ()
    order = list(FIXES)
    ramp = ramp_ends(log)
    too_short = ramp is not None and finding.since is not None and finding.since <= SOON_AFTER * ramp
    if finding.verdict == MID and not too_short:
        order[:2] = [_BY_CLAUSE["X2"], _BY_CLAUSE["X1"]]
    if ramp is not None:
        longer = f"the rate already ramps up until step {ramp}: make it longer (W4, W7)"
        order[order.index(_BY_CLAUSE["X1"])] = _BY_CLAUSE["X1"]._replace(name="a longer warmup", what=longer)
    if norms is not None and norms.threshold is not None:
        start = f"clip the gradient's norm; {norms.threshold:.3g} is a threshold to start from (C3)"
        order[order.index(_BY_CLAUSE["X2"])] = _BY_CLAUSE["X2"]._replace(what=start)
    return tuple(order)


def ramp_ends(log: Log) -> int | None:
    """The step at which the learning rate's warmup ends, if the log shows one.

    Example:
        >>> ramp_ends(Log([3.0, 2.0, 1.0, 1.0], learning_rate=[0.0, 0.1, 0.2, 0.1])), ramp_ends(Log([1.0]))
        (2, None)
    """
    if log.learning_rate is None or not np.isfinite(log.learning_rate).any():
        return None
    top = int(np.nanargmax(log.learning_rate))
    first = log.learning_rate[np.isfinite(log.learning_rate)][0]
    return int(log.step[top]) if log.learning_rate[top] > 1.1 * first else None


def next_step(finding: Finding) -> str:
    """What to do about a run for which there is nothing to fix, or nothing to be said yet."""
    if finding.verdict == "stable":
        return "nothing to fix in this run; try higher rates (D1), and see whether they train stably (D2, D8)"
    return "train some 500 steps at twice the best learning rate and log the loss of every step (D6)"
