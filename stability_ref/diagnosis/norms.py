"""What the gradient norms of a run say (clauses D5, C2–C5): outliers, a threshold, how much it would clip."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stability_ref.checks import require
from stability_ref.clipping import clipped_fraction, threshold_at_percentile
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.one_run import Finding

Array = np.ndarray
PERCENTILE = 90.0  # C3
EXTREME = 0.5  # C5: more than this share of the updates clipped
FAR_ABOVE = 3.0  # C3, ours: how far above the typical norm the percentile is no longer just above it


@dataclass(frozen=True)
class Norms:
    """The norms of one run, in numbers and in the playbook's sentences."""

    typical: float  # median of the finite norms; NaN if there is none
    outliers: tuple[int, ...]  # the steps at which the norm lies far above what it was just before (D5)
    threshold: float | None  # C3; None where the run survived too few steps to tell
    clipped: float | None  # share of the updates that a given threshold clips; None without one
    advice: tuple[str, ...]  # sentences, each with its clause


def judge_norms(log: Log, finding: Finding, clip_threshold: float | None = None) -> Norms:
    """Outliers, a first threshold and the clipped share of a run (playbook D5, C2–C5).

    The threshold is the 90th percentile of the norms of a run that survives (C3). Where training was harmed,
    ours is that of the norms before the rise, if there are at least 20.

    Args:
        log: with unclipped gradient norms.
        finding: of `one_run.judge` for the same log.
        clip_threshold: λ > 0 that the run was clipped with, or is to be; None: none.

    Raises:
        ValueError: if the log has no gradient norms or the threshold is not above 0.

    Example:
        >>> log = Log(np.full(100, 2.0), gradient_norm=np.arange(1.0, 101.0))
        >>> norms = judge_norms(log, Finding("stable"), clip_threshold=40.0)
        >>> round(norms.threshold, 6), norms.clipped, norms.advice[-1][:38]
        (90.1, 0.6, '60% of the updates are clipped at 40: ')
    """
    require(log.gradient_norm is not None, "log", "with gradient norms", log.name)
    norms = log.gradient_norm
    finite = norms[np.isfinite(norms)]
    survived = norms[log.step < finding.since] if finding.harmed else norms
    survived = survived[np.isfinite(survived)]
    threshold = None
    if len(survived) >= (20 if finding.harmed else 1) and survived.max() > 0:
        threshold = threshold_at_percentile(survived, PERCENTILE)
    outliers = tuple(int(step) for step in log.step[norm_outliers(norms)])
    clipped = None if clip_threshold is None else clipped_fraction(norms, clip_threshold)
    typical = threshold_at_percentile(finite, 50) if finite.size else float("nan")
    advice = [*_about_outliers(outliers), *_about_threshold(survived, threshold)]
    if clip_threshold is not None and clipped is not None:
        advice.append(_about_clipping(clip_threshold, clipped))
    return Norms(typical, outliers, threshold, clipped, tuple(advice))


def _about_outliers(outliers: tuple[int, ...]) -> Iterator[str]:
    if outliers:
        count = f"{len(outliers)} outliers" if len(outliers) > 1 else "one outlier"
        yield f"the gradient norm has {count}, the first at step {outliers[0]} (D5)"


def _about_threshold(survived: Array, threshold: float | None) -> Iterator[str]:
    if threshold is None:
        yield "no threshold can be read off: take the norms of the highest rate that survives (C3)"
    elif threshold / FAR_ABOVE > (typical := threshold_at_percentile(survived, 50)):
        yield (
            f"the 90th percentile, {threshold:.3g}, is far above the typical norm, {typical:.3g}: the large "
            "norms of a short or young run weigh heavily; try thresholds between the two (C3)"
        )


def _about_clipping(clip_threshold: float, clipped: float) -> str:
    share = f"{clipped:.0%} of the updates are clipped at {clip_threshold:g}"
    if clipped > EXTREME:
        share += ": extremely aggressive, in essence a smaller learning rate; cut the rate instead"
    return f"{share} (C5)"


def norm_outliers(gradient_norm: Any, *, factor: float = 3.0, window: int = 100) -> Array:
    """Where the gradient norm lies far above what it was just before (playbook D5).

    Ours: more than `factor` times the 90th percentile of the window before, or not finite. The first window
    is compared with its own percentile, and none with a window whose percentile is higher than its own.

    Args:
        gradient_norm: unclipped norms, shape (N,).
        factor: above 1.
        window: entries in a window, at least 1.

    Returns:
        True or False, shape (N,).

    Example:
        >>> np.flatnonzero(norm_outliers([1.0, 1.2, 50.0, 1.1, 0.9]))
        array([2])
    """
    norm = np.asarray(gradient_norm, dtype=float)
    require(norm.ndim == 1 and norm.size, "gradient_norm", "a list of at least one number", norm.shape)
    require(factor > 1, "factor", "above 1", factor)
    require(window >= 1, "window", "at least 1", window)
    broken = ~np.isfinite(norm)
    blocks = np.array_split(np.where(broken, np.inf, norm), range(window, norm.size, window))
    high = np.array([np.quantile(block, PERCENTILE / 100, method="lower") for block in blocks])
    usual = np.minimum(
        high, np.append(high[:1], high[:-1])
    )  # what comes after a broken block is not measured by it
    with np.errstate(over="ignore"):
        return broken | (norm > np.repeat(factor * usual, [len(block) for block in blocks]))
