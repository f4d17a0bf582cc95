"""The playbook's fixes X1 to X6 side by side, alone and in pairs, on the same sick networks.

What a fix is worth is measured twice: by the learning rates at which a network then trains, and by the test
error at the best of them. All runs are equally long: warmup takes its steps, a quarter of them and so far
more than the playbook's 10 % (W4), from the decay that follows. What comes out is plain data, `Outcome`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import finite_numbers, known, require
from stability_ref.clipping_trials import TRAINED
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.one_run import Finding, judge
from stability_ref.fixes_recipes import (
    ALONE,
    FIXES,
    LOOSE,
    SICK,
    SINGLE,
    STEPS,
    Fix,
    applies,
    options,
    problem_of,
    schedule,
)
from stability_ref.training import OnStep, Record, run, train_all

Array = np.ndarray

RATES = 2.0 ** np.arange(-13, 3)  # sixteen, for Momentum and for Adam alike
ABOVE_TYPICAL = 2.0  # ours: a threshold "just above the typical norm" is twice that norm


class Outcome(NamedTuple):
    """What became of a network with a fix: errors of S seeds at R rates, 1 where a run ended in NaN."""

    net: str
    fix: str
    rates: Array  # (R,) rising
    validation: Array  # (S, R) error on the validation images
    test: Array  # (S, R) error on the test images

    @property
    def trains(self) -> Array:
        """(S, R) whether less than a fifth of the validation images is classified wrongly."""
        return self.validation < TRAINED

    @property
    def usable(self) -> Array:
        """(S, R) the rates from the lowest that trains up to the first that does not, without gaps (ours)."""
        started = np.logical_or.accumulate(self.trains, axis=-1)
        return np.logical_and.accumulate(self.trains | ~started, axis=-1) & started

    @property
    def highest(self) -> Array:
        """(S,) the largest usable rate, 0 where there is none."""
        return np.where(self.usable, self.rates, 0).max(axis=-1)

    @property
    def span(self) -> Array:
        """(S,) the highest usable rate over the lowest, 0 where there is none.

        It has no unit, so that two rules can be compared, whose rates cannot.
        """
        lowest = np.where(self.usable, self.rates, np.inf).min(axis=-1)
        return self.highest / lowest

    @property
    def best(self) -> int:
        """The place of the rate with the lowest mean validation error, the first of equals (D1).

        The mean, not the median: a rate at which one seed of five breaks is no rate to choose.
        """
        return int(self.validation.mean(axis=0).argmin())

    @property
    def best_errors(self) -> Array:
        """(S,) the test error of each seed at that one rate."""
        return self.test[:, self.best]


def sweep(
    net: str,
    fix: str | Fix,
    seeds: Sequence[int],
    on_step: OnStep | None = None,
    rates: Any = RATES,
) -> Outcome:
    """Train a sick network with a fix at every rate (playbook X1 to X6, D1).

    Args:
        net: a name in SICK or COMPARED.
        fix: a name in FIXES, or what `together` gives.
        seeds: S whole numbers, each once.
        on_step: as in `training.run`.
        rates: R base learning rates, rising.

    Returns:
        The outcome.

    Raises:
        ValueError: naming the argument that is wrong, or if the fix does not apply to the network.
        KeyboardInterrupt: if it is stopped.

    Example:
        >>> sweep("bad batches", "clipping", [0], rates=[1 / 64]).trains
        array([[ True]])
    """
    name, chosen = (fix, _fix(fix)) if isinstance(fix, str) else (fix.clause, fix)
    base = finite_numbers("rates", rates)
    require((np.diff(base) > 0).all(), "rates", "rising", rates)
    problem = problem_of(net, chosen)
    record = train_all(problem, schedule(base, chosen), STEPS, seeds, on_step, **options(net, chosen))
    return Outcome(net, name, base, *problem.held_out_errors(record.theta))


def sweep_all(
    seeds: Sequence[int],
    nets: Iterable[str] = tuple(SICK),
    fixes: Iterable[str] = tuple(FIXES),
    on_step: OnStep | None = None,
) -> list[Outcome]:
    """`sweep` for these networks with every one of these fixes that applies, in that order."""
    return [
        sweep(net, name, seeds, on_step) for net in nets for name in tuple(fixes) if applies(net, _fix(name))
    ]


def train_one(net: str, fix: Fix, rate: float, on_step: OnStep | None = None, seed: int = 0) -> Record:
    """A single run for a slider; one that on_step stops comes back as it is.

    Args, errors: as `sweep`, for one rate and one seed.
    """
    return run(
        problem_of(net, fix),
        schedule=schedule(np.array([rate]), fix),
        steps=STEPS,
        seeds=[seed],
        on_step=on_step,
        **options(net, fix),
    )


def symptoms(net: str, rate: float, seeds: Sequence[int]) -> list[Finding]:
    """What each seed's training loss shows at that rate without a fix: a rise early, in mid training (D4).

    Ours: just beyond the largest usable rate, as clause D6 looks at twice the best one.

    Args:
        net: a name in SICK or COMPARED.
        rate: the base learning rate.
        seeds: S whole numbers, each once.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> symptoms("no norm", 1 / 64, [0])[0].verdict
        'unstable early'
    """
    fix = SINGLE[ALONE]
    record = train_all(problem_of(net, fix), schedule(np.array([rate]), fix), STEPS, seeds)
    return [judge(Log(loss)) for loss in record.loss[:, 0]]


def loose_threshold(net: str, seeds: Sequence[int]) -> float:
    """Clause C3 as it works in lesson 04: clip loosely first, look at the norms, then choose.

    Ours: twice the median norm of the loosely clipped run at its best rate.

    Args:
        net: a name in SICK.
        seeds: S whole numbers, each once.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    fix = SINGLE[ALONE]
    problem = problem_of(net, fix)
    record = train_all(problem, schedule(RATES, fix), STEPS, seeds, clip_threshold=LOOSE)
    validation, _ = problem.held_out_errors(record.theta)
    best = validation.mean(axis=0).argmin()
    return ABOVE_TYPICAL * float(np.median(record.gradient_norm[:, best]))


def _fix(name: str) -> Fix:
    known("a fix", name, FIXES)
    return FIXES[name]
