"""What a training run wrote down, from any framework: the one thing that every diagnosis reads."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stability_ref.checks import require

Array = np.ndarray
COLUMNS = ("loss", "step", "gradient_norm", "learning_rate", "validation_loss")


@dataclass(frozen=True, eq=False)
class Log:
    """One run: the training loss and what was logged beside it, in the order of the steps.

    Args:
        loss: training loss, shape (N,). NaN and inf are results, a run that diverged. Entries that were never
            logged must not be among them.
        step: the step at which each loss was measured, whole numbers of at least 0; 0 … N − 1 if left out.
            They may be out of order, have gaps, or come twice, as after a restart from a checkpoint: the log
            is sorted, and of an entry that comes twice the later one stays.
        gradient_norm: unclipped L2 norm of the full gradient (playbook C2, D5), at least 0; not finite where
            it was not logged or the run diverged.
        learning_rate: the rate of each step, at least 0; NaN where it was not logged.
        validation_loss: NaN where the run was not evaluated, inf where it had diverged.
        name: how reports call the run.

    Raises:
        ValueError: naming the argument, what came and what is allowed.

    Example:
        >>> log = Log([0.5, 2.0, 1.0], step=[20, 0, 10])
        >>> log.step, log.loss, log.notes
        (array([ 0, 10, 20]), array([2. , 1. , 0.5]), ('steps were out of order and have been sorted',))
    """

    loss: Any  # what comes may be any list of numbers; what stays are float64 arrays (N,)
    step: Any = None  # int64 (N,), increasing
    gradient_norm: Any = None
    learning_rate: Any = None
    validation_loss: Any = None
    name: str = "run"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        loss = _numbers("loss", self.loss)
        require(loss.size, "loss", "at least one number", self.loss)
        step = np.arange(len(loss)) if self.step is None else _steps(self.step)
        columns = {"step": step, "loss": loss}
        for column in ("gradient_norm", "learning_rate", "validation_loss"):
            value = getattr(self, column)
            if value is not None:
                columns[column] = _numbers(column, value)
        for column, values in columns.items():
            require(len(values) == len(loss), column, f"{len(loss)} numbers, as many as loss", len(values))
        for column in {"gradient_norm", "learning_rate"} & set(columns):
            negative = columns[column] < 0
            require(not negative.any(), column, "at least 0", columns[column][negative][:1])
        notes = list(self.notes)
        if (np.diff(step) <= 0).any():
            columns = _in_order(columns, notes)
        for column, values in columns.items():
            object.__setattr__(self, column, values)
        object.__setattr__(self, "notes", tuple(notes))

    def __len__(self) -> int:
        return len(self.loss)


def as_log(value: Any, name: str = "run") -> Log:
    """A Log of what a training function returned: a Log, a mapping of its arguments, or bare losses.

    Example:
        >>> as_log({"loss": [2.0, 1.0], "gradient_norm": [3.0, 2.0]}).gradient_norm
        array([3., 2.])
    """
    if isinstance(value, Log):
        return value
    if isinstance(value, Mapping):
        require("loss" in value, "a log", 'a mapping with a "loss"', sorted(map(str, value)))
        for key in value:
            require(key in COLUMNS, "a column of a log", "one of " + ", ".join(COLUMNS), key)
        return Log(**value, name=name)
    return Log(value, name=name)


def _numbers(argument: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):  # lists of different lengths, tensors with a gradient
        array = np.array(None)
    require(array.dtype.kind in "fiu" and array.ndim == 1, argument, "a list of numbers", value)
    require(not np.ma.is_masked(value), argument, "without masked entries", value)
    return array.astype(np.float64)


def _steps(value: Any) -> Array:
    allowed = "whole numbers of at least 0"
    step = _numbers("step", value)
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(step) & (step >= 0) & (step == np.floor(step)) & (step < 2**53)
    require(whole.all(), "step", allowed, step[~whole][:1])
    return step.astype(np.int64)


def _in_order(columns: dict[str, Array], notes: list[str]) -> dict[str, Array]:
    """The columns sorted by step, stably, and of equal steps the last."""
    step = columns["step"]
    if (np.diff(step) < 0).any():
        notes.append("steps were out of order and have been sorted")
    order = np.argsort(step, kind="stable")
    last = np.append(np.diff(step[order]) > 0, True)
    if twice := operator.index(np.sum(~last)):
        notes.append(f"{twice} entries came twice for their step; the later one was kept")
    return {column: values[order[last]] for column, values in columns.items()}
