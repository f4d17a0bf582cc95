"""The training function: all that the playbook's procedures ask of a workload, in any framework."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.checks import finite_numbers, require, whole_number
from stability_ref.diagnosis.log import Log, as_log
from stability_ref.problems import Problem
from stability_ref.schedules import Schedule, prepend_warmup, rescale
from stability_ref.training import Record, run
from stability_ref.updates import Rule

Array = np.ndarray
Train = Callable[[float, int, int], Any]
"""train(rate, warmup_steps, steps) -> log: trains anew, from the same start, and returns what was logged.

rate is the rate at the end of the warmup; steps is the length of the whole run, warmup included; after the
warmup comes the workload's own schedule s, as s(t − warmup_steps) (clause S3). What it returns is anything
that `log.as_log` takes.
"""


def train_log(train: Train, rate: float, warmup_steps: int, steps: int) -> Log:
    """The log of one run of a training function; one without a name is named after its arguments.

    Raises:
        ValueError: if train is no function or returned no log, or the log goes beyond the steps asked for.

    Example:
        >>> train_log(lambda rate, warmup_steps, steps: [2.0, 1.0, 0.5], 0.1, 0, 3).name
        'rate 0.1, warmup 0, 3 steps'
    """
    require(callable(train), "train", "a function train(rate, warmup_steps, steps)", train)
    log = as_log(train(rate, warmup_steps, steps), f"rate {rate:g}, warmup {warmup_steps}, {steps} steps")
    last = int(log.step[-1])  # an evaluation after the last step may stand at step number `steps`
    require(last <= steps, "the log of train", f"of at most {steps} steps, warmup included", f"step {last}")
    return log


def reference_train(
    problem: Problem,
    rule: str | Rule,
    decay: Schedule,
    seed: int = 0,
    evaluate_every: int = 25,
    **options: Any,
) -> Train:
    """A training function made from our own engine.

    Schedule: `prepend_warmup(rescale(decay, rate), warmup_steps)`, clauses S3 and W2. The decay does not know
    how many steps there will be: a short run is the beginning of a long one.

    Args:
        problem: what is trained, see `problems`.
        rule: a name in `updates.RULES`, or a row like those there.
        decay: the schedule without warmup, a callable of t; it is rescaled to start at the rate.
        seed: of the initial weights and the order of the batches, the same in every run.
        evaluate_every: steps between two evaluations on the test set, which is the log's validation_loss. The
            evaluation after the last step stands in the last step's entry.
        options: further arguments of `training.run`, such as constants and clip_threshold.

    Returns:
        The function train(rate, warmup_steps, steps).

    Raises:
        ValueError: if evaluate_every is no whole number ≥ 1, decay starts at no rate above 0, or, once it
            trains, from `training.run`.

    Example:
        >>> from stability_ref.problems import Quadratic
        >>> from stability_ref.schedules import constant
        >>> log = reference_train(Quadratic([1.0]), "sgd", constant(1.0))(0.5, 2, 4)
        >>> log.learning_rate, log.loss
        (array([0.  , 0.25, 0.5 , 0.5 ]), array([0.5      , 0.5      , 0.28125  , 0.0703125]))

    Source: playbook S3, W2.
    """
    whole_number("evaluate_every", evaluate_every, minimum=1)
    rescale(decay, 1.0)  # refuses what is no schedule now, not in a worker later

    def train(rate: float, warmup_steps: int, steps: int) -> Log:
        schedule = prepend_warmup(rescale(decay, rate), warmup_steps)
        record = run(problem, rule, schedule, steps, seeds=[seed], evaluate_every=evaluate_every, **options)
        if record.steps_done.item() < steps:  # `run` returns what it has; half a trial would mislead
            raise KeyboardInterrupt("stopped before the trial was complete")
        return _log(record)

    return train


def _log(record: Record) -> Log:
    """The only trial of a record, as a log."""
    steps = record.loss.shape[-1]
    validation_loss = np.full(steps, np.nan)
    measured = record.test_loss[0, 0]
    diverged = ~np.isfinite(measured)
    validation_loss[np.minimum(record.evaluated_at, steps - 1)] = np.where(diverged, np.inf, measured)
    return Log(
        record.loss[0, 0],
        gradient_norm=record.gradient_norm[0, 0],
        learning_rate=record.rate[0],
        validation_loss=validation_loss,
    )


def positive(argument: str, value: Any) -> float:
    """The value as a float above 0, or a ValueError that names the argument."""
    number = finite_numbers(argument, value, "a finite number above 0")
    require(number.ndim == 0 and number > 0, argument, "a finite number above 0", value)
    return float(value)


def is_finite(log: Log) -> bool:
    """Whether the run ended with a loss that is a number."""
    return math.isfinite(log.loss[-1])
