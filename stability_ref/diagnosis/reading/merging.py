"""What was logged at different times, together as one Log: an entry for each step that has a loss."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import require
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.reading.columns import NoLoss
from stability_ref.diagnosis.reading.tables import Column, Runs

Array = np.ndarray


class Series(NamedTuple):
    """One logged quantity, in the order in which it was written."""

    step: Array  # (n,)
    value: Array  # (n,)


def merged(series: Mapping[str, Series], name: str = "run", notes: Iterable[str] = ()) -> Log:
    """A Log of quantities that were logged at steps of their own.

    An entry stands where the loss was logged. What was logged at the same step joins it; of what came twice
    for a step the later stays, as after a restart from a checkpoint. Ours: what was logged at a step without
    a loss joins the last entry before. Of several validation losses the latest then stays, the state of the
    model to which the run got; of several rates or norms the earliest, nearest to the entry's own step. A
    validation loss of NaN becomes inf: the run was evaluated, and had diverged.

    Args:
        series: by the fields of a Log: at least the loss; gradient_norm, learning_rate, validation_loss.
        name: of the Log.
        notes: of the Log.

    Raises:
        ValueError: as Log does.

    Example:
        >>> loss = Series(np.array([0, 10, 20]), np.array([3.0, 2.0, 1.0]))
        >>> validation = Series(np.array([10, 15]), np.array([2.5, np.nan]))
        >>> merged({"loss": loss, "validation_loss": validation}).validation_loss
        array([nan, inf, nan])
    """
    loss = series["loss"]
    log = Log(loss.value, step=loss.step, name=name, notes=tuple(notes))
    columns = {field: each for field, each in series.items() if field != "loss" and len(each.value)}
    if not columns:
        return log
    told = list(log.notes)
    if "validation_loss" in columns:
        step, value = columns["validation_loss"]
        columns["validation_loss"] = Series(step, np.where(np.isnan(value), np.inf, value))
        told += _told_of_evaluations(log.step, step)
    changes: dict[str, Any] = {"notes": tuple(told)}
    for field, each in columns.items():
        changes[field] = _at_entries(log.step, each, latest=field == "validation_loss")
    return replace(log, **changes)


def _at_entries(entries: Array, series: Series, latest: bool) -> Array:
    """The values at the entries' steps, each at the last entry at or before its own; NaN elsewhere."""
    if np.array_equal(series.step, entries):
        return series.value
    order = np.argsort(series.step, kind="stable")
    step = series.step[order]
    order = order[np.append(step[:-1] < step[1:], True)]  # of each step what came last
    entry = np.searchsorted(entries, series.step[order], side="right") - 1
    if latest:
        entry = np.maximum(entry, 0)
    else:
        order, entry = order[entry >= 0][::-1], entry[entry >= 0][::-1]
    column = np.full(len(entries), np.nan)
    column[entry] = series.value[order]  # of what falls on one entry, the last of this order stays
    return column


def _told_of_evaluations(entries: Array, steps: Array) -> list[str]:
    steps = np.unique(steps)
    entry = np.maximum(np.searchsorted(entries, steps, side="right") - 1, 0)
    lost = len(entry) - len(np.unique(entry))
    text = f"of the validation losses between two losses the latest was kept, {lost} were left out"
    return [text] if lost else []


# The rows of a table


def logs_of(
    name: str, columns: dict[str, Column], runs: Runs | None, notes: Iterable[str], step_is_epoch: bool
) -> dict[str, Callable[[], Log]]:
    """By name, what makes the Log of each run in a table; it may raise NoLoss."""
    if runs is None:
        return {name: functools.partial(_log, name, columns, notes, step_is_epoch)}
    order = np.argsort(runs.number, kind="stable")
    ends = np.cumsum(np.bincount(runs.number, minlength=len(runs.names)))
    logs: dict[str, Callable[[], Log]] = {}
    for run, rows in zip(runs.names, np.split(order, ends), strict=False):  # the last part is empty
        its_columns = {field: Column(each.values[rows], each.logged[rows]) for field, each in columns.items()}
        logs[run or name] = functools.partial(_log, run or name, its_columns, notes, step_is_epoch)
    return logs


def _log(name: str, columns: dict[str, Column], notes: Iterable[str], step_is_epoch: bool) -> Log:
    logged = columns["loss"].logged
    if not logged.any():
        raise NoLoss("there is no loss in any row" if len(logged) else "there are no rows, only a header")
    step, counted = _steps(columns.get("step"), logged, step_is_epoch)
    series = {}
    for field, column in columns.items():
        if field != "step":
            everywhere = column.logged.all()  # then nothing is copied
            there = slice(None) if everywhere else column.logged
            series[field] = Series(step[there], column.values[there])
    return merged(series, name, (*notes, *counted))


def _steps(column: Column | None, has_loss: Array, is_epoch: bool) -> tuple[Array, tuple[str, ...]]:
    """The step of each row, and what is to be told about it."""
    count = np.maximum(np.cumsum(has_loss) - 1, 0)
    if column is None:
        return count, ()
    values, logged = column
    at_losses = values[has_loss]
    if is_epoch and (len(np.unique(at_losses)) < len(at_losses) or (at_losses != np.floor(at_losses)).any()):
        return count, ("entries were counted: there are no steps, and an epoch has several entries",)
    missing = has_loss & ~logged
    require(not missing.any(), "step", "in every row with a loss", f"none in row {missing.argmax() + 1}")
    if logged.all():
        return values, ()
    last = np.maximum.accumulate(np.where(logged, np.arange(len(logged)), 0))
    return np.where(logged[last], values[last], 0), ()
