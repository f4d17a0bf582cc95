"""Gradient clipping by norm: the norm, the clip, the threshold and how much was clipped (clauses C1–C5)."""

import math
from typing import Any

import numpy as np

from stability_ref.checks import finite_numbers, require
from stability_ref.equations import printed

Array = np.ndarray


def gradient_norm(g: Array) -> Array:
    r"""The L2 norm |g| of the full gradient, all parameters together (playbook C1, D5).

    It neither overflows nor underflows on the way: where the plain sum of squares leaves the safe range, g
    is first scaled by a power of two, which is exact.

    Args:
        g: gradients, shape (..., n).

    Returns:
        The norms, shape (...). NaN or inf where g holds NaN or inf.

    Example:
        >>> gradient_norm(np.array([[3.0, 4.0], [3e200, 4e200]]))
        array([5.e+000, 5.e+200])
    """
    g = np.asarray(g)
    if g.dtype == object:  # mpmath's numbers, whose exponents know no bounds
        return np.sqrt((g * g).sum(axis=-1))
    g = g if g.dtype.kind == "f" else g.astype(np.float64)
    limits = np.finfo(g.dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = np.vecdot(g, g)
        safe = (squares > limits.tiny / limits.eps**2) & (squares < limits.max)
        if safe.all() or np.all(safe | (squares == 0) & ~g.any(axis=-1)):
            return np.sqrt(squares)
        largest = np.abs(g).max(axis=-1, keepdims=True)
        _, exponent = np.frexp(largest)
        scale = np.where(np.isfinite(largest) & (largest > 0), np.ldexp(g.dtype.type(1), exponent - 1), 1)
        scaled = g / scale.astype(g.dtype)
        return np.sqrt(np.vecdot(scaled, scaled)) * scale[..., 0].astype(g.dtype)


@printed
def clip(g: Array, threshold: Any) -> tuple[Array, Array]:
    r"""Scale a gradient down to the threshold where its norm exceeds it (playbook C1, C2).

    Equation, as printed, where |g| > λ; otherwise g' = g, bit for bit::

        {equations}

    A gradient whose norm is not finite is passed on as it came: no length would make it right, and a run
    that diverges must be seen to diverge.

    Args:
        g: gradients, shape (..., n).
        threshold: λ > 0, in units of the norm, a number or an array of shape (...).

    Returns:
        The clipped gradient g', and the norm |g| before clipping, shape (...), which is what to log.

    Raises:
        ValueError: if a threshold is not above 0.

    Example:
        >>> clip(np.array([3.0, 4.0]), threshold=1.0)
        (array([0.6, 0.8]), np.float64(5.0))

    Source: Pascanu, Mikolov & Bengio 2013; playbook C1.
    """
    threshold = np.asarray(threshold)
    require(np.all(threshold > 0), "threshold", "above 0", threshold)
    norm = gradient_norm(g)
    exceeds = (norm > threshold) & (norm < math.inf)
    if not exceeds.any():
        return g, norm
    length = np.where(exceeds, norm, 1).astype(g.dtype)[..., None]
    clipped = threshold.astype(g.dtype)[..., None] * (g / length)
    return np.where(exceeds[..., None], clipped, g), norm


def threshold_at_percentile(norms: Array, percentile: float = 90.0) -> float:
    """A first threshold λ: the 90th percentile of the gradient norms (playbook C3), to be tuned.

    On a short run the large norms of the first steps weigh heavily: the percentile then lies far above the
    typical norm.

    Args:
        norms: unclipped norms of a run that survived, any shape.
        percentile: between 0 and 100.

    Raises:
        ValueError: if there are no norms, if one is negative or not finite, or the percentile is outside.

    Example:
        >>> threshold_at_percentile(np.arange(101.0))
        90.0
    """
    array = finite_numbers("norms", norms, "finite: take the highest rate whose unclipped run survives")
    require((array >= 0).all(), "norms", "at least 0", norms)
    require(0 <= percentile <= 100, "percentile", "between 0 and 100", percentile)
    return float(np.percentile(array, percentile))


def clipped_fraction(norms: Array, threshold: float) -> float:
    """The share of updates that are clipped at this threshold (playbook C5: above a half is extreme).

    Norms that are not finite count as updates that are not clipped, as in `clip`.

    Args:
        norms: unclipped norms, one for each update, any shape.
        threshold: λ > 0.

    Raises:
        ValueError: if there are no norms or the threshold is not above 0.

    Example:
        >>> clipped_fraction(np.array([1.0, 2.0, 3.0, 4.0]), threshold=2.5)
        0.5
    """
    array = np.asarray(norms, dtype=float)
    require(array.size, "norms", "at least one number", norms)
    require(threshold > 0, "threshold", "above 0", threshold)
    return float(np.mean(np.isfinite(array) & (array > threshold)))
