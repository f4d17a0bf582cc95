"""The measured set-ups behind lesson 03b: where the normalisation stands, and which rates that leaves usable.

The steps, the warmup and the schedule are lesson 03's: a cosine of 150 steps, 100 steps of warmup before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stability_ref import recipes
from stability_ref.diagnosis.sweep import feasible
from stability_ref.problems import DigitsProblem
from stability_ref.recipes import base_rates
from stability_ref.training import OnStep, Record, train_all

Array = np.ndarray
RATES = 2.0 ** np.arange(-9, 1)  # ten rates, as many as in the playbook's Figure 8, a factor 2 apart
LOW_RATES = 2.0 ** np.arange(-11, -4)  # for what has no norm, which diverges at the higher ones of RATES
WITH_WARMUP = " + warmup"  # ends the label of a curve with warmup

# The blocks of problems.residual_block by the name that the figures give them.
PLACEMENTS = {"post-norm": "post", "pre-norm": "pre"}
NORM_LAST = {"x + Norm(f(x))": "resn"}
WITHOUT_NORM = {"ReZero": "rezero", "no norm": "plain"}

ADAM_RATES = 2.0 ** np.array([-7, -5, -3, -1])

# For each rule the lowest, the default and the highest rate of a slider. Without warmup, in most seeds,
# post-norm and pre-norm both train at the lowest, pre-norm alone at the default, and neither at the highest.
RULE_RATES: dict[str, tuple[float, float, float]] = {
    "sgd": (1 / 128, 1 / 4, 2.0),
    "momentum": (1 / 512, 1 / 32, 1.0),
    "nesterov": (1 / 512, 1 / 32, 1.0),
    "rmsprop": (1 / 4096, 1 / 32, 0.5),
    "adam": (1 / 512, 1 / 16, 4.0),
    "nadam": (1 / 512, 1 / 16, 4.0),
}


def net(block: str, dtype: Any = np.float64) -> DigitsProblem:
    """Eight residual blocks, batch 32, and a head of large weights, without which pre-norm is too stable.

    Args:
        block: where the norm stands, see `problems.residual_block`.
        dtype: float32 or float64.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> net("post").size - net("rezero").size  # a norm has 64 parameters, ReZero's scale one
        504
    """
    return DigitsProblem(block, blocks=8, head_gain=12, batch_size=32, dtype=dtype)


def figure_8(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """Ten rates with Momentum 0.9 for post- and pre-norm, without and with warmup (playbook X4, Figure 8).

    Args:
        seeds: whole numbers, each once.
        on_step: see `training.run`.

    Returns:
        The records by their labels: post-norm, post-norm + warmup, pre-norm, pre-norm + warmup.

    Raises:
        KeyboardInterrupt: if it was stopped before the last step.
    """
    return _sweeps(PLACEMENTS, seeds, on_step)


def other_placements(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """The same for x + Norm(f(x)), as the web edition has it (X4); at lower rates ReZero (X5) and no norm.

    Args, errors: as `figure_8`.

    Returns:
        The records by their labels: x + Norm(f(x)), ReZero and no norm, each without and with warmup.
    """
    norm_last = _sweeps(NORM_LAST, seeds, on_step)
    return norm_last | _sweeps(WITHOUT_NORM, seeds, on_step, rates=LOW_RATES)


def adam_check(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """Figure 8 with Adam, at four rates a factor 4 apart and in float32: enough to count what trains.

    Args, returns, errors: as `figure_8`.
    """
    return _sweeps(PLACEMENTS, seeds, on_step, "adam", ADAM_RATES, np.float32)


def optimises_well(record: Record) -> Array:
    """Which trials get no cross for poor optimization, (S, R); a warmup or a decay may be in the schedule.

    The playbook leaves "poor optimization" open. Ours: what `diagnosis.sweep.feasible` calls feasible, for
    the final loss on the test set. A trial is poor if that is not finite, or has lost more than half of what
    the curve's best trial gains on guessing, where a lower rate has not. Too low a rate is slow, not poor.
    """
    return feasible(record.test_loss[..., -1], rates=base_rates(record), untrained=recipes.GUESSING)


def largest_usable_rate(record: Record) -> Array:
    """The highest base rate at which a seed optimises well, and at every lower one of the sweep too (ours).

    Args:
        record: a sweep whose base rates rise.

    Returns:
        One rate for each seed, (S,); 0 where not even the lowest is usable.

    Example:
        >>> from stability_ref.problems import Quadratic
        >>> from stability_ref.schedules import constant
        >>> from stability_ref.training import run
        >>> bowl = Quadratic([1.0, 10.0])
        >>> largest_usable_rate(run(bowl, "sgd", constant([0.05, 0.1, 0.15, 0.3]), steps=100))
        array([0.15])
    """
    rates = np.concatenate([[0.0], base_rates(record)])
    return rates[np.logical_and.accumulate(optimises_well(record), axis=-1).sum(axis=-1)]


def _sweeps(
    blocks: Mapping[str, str],
    seeds: Sequence[int],
    on_step: OnStep | None,
    rule: str = "momentum",
    rates: Array = RATES,
    dtype: Any = np.float64,
) -> dict[str, Record]:
    """Each placement without and with warmup."""
    return {
        label + (WITH_WARMUP if warmup else ""): train_all(
            net(block, dtype),
            recipes.baseline(rates, warmup),
            recipes.STEPS + warmup,
            seeds,
            on_step,
            rule=rule,
        )
        for label, block in blocks.items()
        for warmup in (0, recipes.WARMUP_STEPS)
    }
