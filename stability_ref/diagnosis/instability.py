"""Is the workload unstable? The playbook's procedures on plain arrays, so that any framework's log will do.

Here stands the criterion behind a cross in the figures (clause D3, Figure 4).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stability_ref.checks import finite_numbers, require
from stability_ref.diagnosis.log import Log

Array = np.ndarray
SIGNIFICANT_RATIO = 1.25


def peak_ratio(loss: Any, reference: Any) -> Array:
    """How far a run's loss rises above anything that a safe run sees on the same batches (playbook D3).

    Equation (ours): max_t loss_t / max_t reference_t; infinite where a loss is not finite.

    The reference is the run at the lowest learning rate of the sweep, on the same batches: it hardly moves,
    so its peak is what the hardest batch costs a network that has learnt little. Relative to the initial
    loss instead, ordinary noise between batches reaches ratios of 1.3 to 1.5.

    Args:
        loss: training loss at every step, shape (..., T).
        reference: loss of the lowest rate's run, shape (..., T), finite.

    Returns:
        The ratio, shape (...).

    Raises:
        ValueError: naming the argument, if there are no steps, the numbers of steps differ, or the reference
            is not finite or never above 0.

    Example:
        >>> peak_ratio([[2.0, 9.0, 1.0], [2.0, 1.0, np.nan]], reference=[2.0, 1.8, 1.7])
        array([4.5, inf])
    """
    loss, reference = _checked(loss, reference)
    peak = np.where(np.isfinite(loss), loss, np.inf).max(axis=-1)
    return peak / reference.max(axis=-1)


def significant_instability(loss: Any, reference: Any) -> Array:
    """Whether a trial gets a cross: its peak ratio is above 1.25 (playbook D3: the loss goes up, not down).

    The playbook draws crosses on trials "with significant training instability" and leaves the word open; the
    threshold is ours. A rise that stays below the starting loss gets no cross here.

    Args, errors: as `peak_ratio`.

    Returns:
        True or False, shape (...).

    Example:
        >>> significant_instability([[2.0, 9.0, 1.0], [2.0, 1.0, 0.5]], reference=[2.0, 1.8, 1.7])
        array([ True, False])
    """
    return peak_ratio(loss, reference) > SIGNIFICANT_RATIO


def _checked(loss: Any, reference: Any) -> tuple[Array, Array]:
    reference = finite_numbers("reference", reference, "finite losses: take a lower lowest rate")
    loss = np.asarray(loss, dtype=float)
    require(loss.ndim and loss.size, "loss", "at least one step", loss.shape)
    same_steps = reference.ndim and loss.shape[-1] == reference.shape[-1]
    require(same_steps, "reference", f"of {loss.shape[-1]} steps, like loss", reference.shape)
    require((reference.max(axis=-1) > 0).all(), "reference", "above 0 somewhere", reference)
    return loss, reference


@dataclass(frozen=True)
class Finding:
    """What one run's log shows by itself (playbook D3, D4)."""

    verdict: str  # one of VERDICTS
    since: int | None = None  # the step at which the loss begins to go up
    back_at: int | None = None  # the step at which it is down again where it was
    harmed: bool | None = None  # it never came back within the log; None: no rise was seen
    evidence: tuple[str, ...] = ()  # sentences

    @property
    def unstable(self) -> bool:
        """Whether a spike was seen: the loss went up, not down, during a period of training."""
        return self.verdict in ("unstable early", "unstable in mid training")


def judge(log: Log) -> Finding:
    """PRELIMINARY: the real criterion is being made; the interface stays."""
    loss = np.where(np.isfinite(log.loss), log.loss, np.inf)
    if len(loss) < 5:
        return Finding("too short to tell")
    windows = np.lib.stride_tricks.sliding_window_view(loss, 5)
    level = np.median(windows, axis=-1)
    best = np.minimum.accumulate(level)
    above = np.flatnonzero(level > best + 0.5 * abs(loss[0]))
    if not above.size:
        return Finding("stable")
    since = int(log.step[above[0]])
    verdict = "unstable early" if above[0] < 30 else "unstable in mid training"
    return Finding(verdict, since, harmed=bool(level[-1] > best[above[0]] * 1.5))
