"""Loss instability relative to a safe run on the same batches: what is behind a cross (D3, Figure 4)."""

from typing import Any

import numpy as np

from stability_ref.checks import finite_numbers, require

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
