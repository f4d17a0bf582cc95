"""The figures of lesson 07: validation error, steps to a target, best rate and penalty by batch size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref import batch_recipes
from stability_ref.batch_recipes import BATCH_SIZES, NOISY_BATCH_SIZES, PENALTIES, RATES, TARGET, Sweep
from stability_ref.diagnosis import SIGNIFICANT_RATIO
from stability_ref.figures import COLOURS, LINE_STYLES, legend_below, mark_unstable, styled_figure
from stability_ref.training import Record

Array = np.ndarray
SHOWN = (8, 64, 1024)  # the batch sizes whose penalties are drawn
_FIXED: dict[str, Any] = {"color": COLOURS[2], "linestyle": ":", "marker": "s"}
_TUNED: dict[str, Any] = {"color": COLOURS[0], "linestyle": "--", "marker": "o"}
_ENOUGH: dict[str, Any] = {"color": COLOURS[1], "linestyle": "-", "marker": "^"}
_GUIDE: dict[str, Any] = {"color": "0.45", "linestyle": "-", "linewidth": 1.2}
_CROSS: dict[str, Any] = {"linestyle": "none", "marker": "x", "markersize": 11, "mew": 2.2}
_NEVER = 5000.0  # the row of the runs that never reach the target
_NO_PENALTY = 2.0**-12  # where a penalty of 0 stands on a log axis


def validation_error(sweep: Sweep) -> Figure:
    """Validation error against batch size: one rate for all, then tuned, then with more steps (B1, B2, B4).

    Median and range over the seeds.
    """
    with styled_figure(9.6, 5.0) as figure:
        axes = figure.subplots()
        for label, results, look in (
            (f"same epochs, learning rate {batch_recipes.FIXED_RATE:g} for all", fixed_error(sweep), _FIXED),
            ("same epochs, rate tuned for each", _at_tuned(sweep.equal_epochs), _TUNED),
            (f"at least {batch_recipes.STEPS} steps, rate tuned for each", tuned_error(sweep), _ENOUGH),
        ):
            _band(axes, BATCH_SIZES, results, look, label)
        axes.set(title="Validation error by batch size", ylabel="Validation error", yscale="log")
        axes.set_ylim(0.01, 1.2)
        _batch_axis(axes, BATCH_SIZES)
        legend_below(figure, 1, [axes])
    return figure


def fixed_error(sweep: Sweep) -> Array:
    """(S, B) validation error after equal epochs at FIXED_RATE (playbook B1)."""
    return batch_recipes.at_fixed_rate(sweep.equal_epochs)


def tuned_error(sweep: Sweep) -> Array:
    """(S, B) validation error with the rate tuned and enough steps for each batch size (playbook B2, B4)."""
    return _at_tuned(sweep.enough_steps)


def steps_to_target(sweep: Sweep) -> Figure:
    """Steps to the target, and the rate that takes the fewest, against batch size (Shallue et al. 2018).

    Left, median and range over the seeds: with the rate tuned for each batch size and with one rate for all,
    crosses at the top where most seeds never arrive; and the line on which twice the batch halves the steps.
    Right, the best rate and the line on which it doubles with the batch.
    """
    with styled_figure(9.6, 4.8) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
        _scaling(left, sweep)
        _remarks(left, sweep)
        best = RATES[batch_recipes.tuned(sweep.steps_to_target)]
        right.plot(BATCH_SIZES, best, **_TUNED, label="fewest steps")
        right.plot(BATCH_SIZES, best[0] * np.array(BATCH_SIZES) / 2, **_GUIDE, label="linear scaling")
        right.axhline(batch_recipes.FIXED_RATE, **_FIXED | {"marker": "none"}, label="one for all")
        right.set(title="Best learning rate", ylabel="Learning rate", yscale="log", ylim=(1 / 80, 20))
        _batch_axis(right, BATCH_SIZES)
        right.legend(loc="upper left")
        legend_below(figure, 2, [left])
    return figure


def _remarks(axes: Axes, sweep: Sweep) -> None:
    """The regions of the curve in words, on either side of the bend."""
    steps = np.median(_at_tuned(sweep.steps_to_target), axis=0)
    bend = batch_recipes.bend(steps)
    axes.axvline(bend, color="0.6", linestyle="-.", linewidth=1.2, label="_the bend")
    words: dict[str, Any] = {"color": "0.25", "va": "top"}
    axes.text(bend / 1.15, 2200, "twice the batch,\nhalf the steps", ha="right", **words)
    axes.text(bend * 1.15, 2200, "diminishing\nreturns", ha="left", **words)


def regularisation(errors: Array) -> Figure:
    """Where a fifth of the training labels is wrong: what L2 does for small and for large batches (B3).

    Args:
        errors: (S, B, P) of NOISY_BATCH_SIZES and PENALTIES. Left, without a penalty and with the best for
            each batch size, median and range; right, medians against the penalty for three batch sizes, the
            best of each as a star.
    """
    with styled_figure(9.6, 4.8) as figure:
        left, right = figure.subplots(1, 2)
        best = batch_recipes.tuned(errors)
        _band(left, NOISY_BATCH_SIZES, errors[..., 0], _FIXED, "without L2")
        _band(left, NOISY_BATCH_SIZES, batch_recipes.chosen(errors, best), _ENOUGH, "L2 tuned for each")
        left.set(title="A fifth of the labels is wrong", ylabel="Validation error", ylim=(0, 0.32))
        _batch_axis(left, NOISY_BATCH_SIZES)
        left.legend(loc="upper left")
        for k, size in enumerate(SHOWN):
            _by_penalty(right, k, size, np.median(errors[:, NOISY_BATCH_SIZES.index(size)], axis=0))
        right.set(title="The same, by penalty", xlabel="L2 penalty λ", ylabel="Validation error")
        right.set(xscale="log", ylim=(0, 0.32))
        right.set_xticks([_NO_PENALTY, 0.001, 0.01, 0.1], labels=["0", "0.001", "0.01", "0.1"])
        right.minorticks_off()
        right.legend(loc="upper right")
    return figure


def _by_penalty(axes: Axes, k: int, size: int, medians: Array) -> None:
    places, low = np.array([_NO_PENALTY, *PENALTIES[1:]]), medians.argmin()
    colour = COLOURS[(0, 4, 5)[k]]
    look: dict[str, Any] = {"color": colour, "linestyle": LINE_STYLES[k], "marker": "os^"[k]}
    axes.plot(places, medians, **look, label=f"batch size {size}")
    star: dict[str, Any] = {"color": colour, "markersize": 17}
    axes.plot(places[low], medians[low], "*", **star, label=f"_best of {size}")


class LiveBatch:
    """A batch size and a rate as the sliders set them: one run's validation error, and its dot on the sweep.

    The run before stays in grey. A run that never reaches the target has a cross at the top.

    Args:
        sweep: the stored one, for the curves that the dot is compared with.
    """

    def __init__(self, sweep: Sweep):
        steps = sweep.steps_to_target
        self._fewest = np.median(_at_tuned(steps), axis=0)
        self._best = RATES[batch_recipes.tuned(steps)]
        self._batch_size = BATCH_SIZES[0]
        self._finished: Any = ([], [])
        self._was_unstable = False
        with styled_figure(8.4, 4.0) as self.figure:  # fits beside the file browser unscaled
            left, right = self.figure.subplots(1, 2)
            self._draw_error(left)
            _scaling(right, sweep)
            ring: dict[str, Any] = {"color": COLOURS[1], "fillstyle": "none", "markersize": 17, "mew": 2.5}
            (self._ring,) = right.plot([], [], "o", **ring, label="this run")
            (self._cross,) = right.plot([], [], **_CROSS, color=COLOURS[1], label="_this run never")
            right.legend(handles=[self._ring], loc="lower left", labelspacing=1)
        self.lines = [self._before, self._now, self._ring, self._cross]

    def _draw_error(self, left: Axes) -> None:
        left.axhline(TARGET, color="0.5", linestyle=":", linewidth=1.2, label=f"target, {TARGET:.0%}")
        (self._before,) = left.plot([], [], color="0.7", label="the run before")
        (self._now,) = left.plot([], [], color=COLOURS[1], label="this run")
        longest = batch_recipes.steps_of(BATCH_SIZES[0])
        left.set(title="Validation error", xlabel="Global step", ylabel="Validation error")
        left.set(xscale="log", yscale="log", xlim=(0.9, longest), ylim=(0.003, 1.2))
        left.legend(loc="lower left")

    def begin(self, batch_size: int) -> None:
        """Choose the batch size of the next run; the last finished one becomes the grey one."""
        self._batch_size = batch_size
        self._before.set_data(*self._finished)
        mark_unstable(self._before, np.full(len(self._finished[0]), self._was_unstable))

    def fill(self, record: Record) -> None:
        """Draw what is recorded so far of a single trial."""
        seen = np.isfinite(record.test_error[0, 0]) & (record.evaluated_at > 0)  # a log axis has no 0
        self._now.set_data(record.evaluated_at[seen], record.test_error[0, 0, seen])
        loss = record.loss[0, 0, : record.steps_done[0, 0]]
        self._is_unstable = not loss.max() <= SIGNIFICANT_RATIO * loss[0]
        mark_unstable(self._now, np.full(seen.sum(), self._is_unstable))

    def finish(self, record: Record) -> str:
        """Draw the whole run and its dot; returns how many steps it took, as sentences."""
        self.fill(record)
        if record.steps_done[0, 0] < record.loss.shape[-1]:
            return "The run was stopped."
        self._finished, self._was_unstable = self._now.get_data(), self._is_unstable
        steps, size = batch_recipes.steps_to(record, TARGET)[0, 0], self._batch_size
        arrives = np.isfinite(steps)
        self._ring.set_data(*(([size], [steps]) if arrives else ([], [])))
        self._cross.set_data(*(([], []) if arrives else ([size], [_NEVER])))
        took = f"reaches {TARGET:.0%} after {steps:.0f} steps" if arrives else f"never reaches {TARGET:.0%}"
        place = BATCH_SIZES.index(size)
        best = f"{self._fewest[place]:.0f} steps at {self._best[place]:g}"
        return f"Batch size {size} at {record.rate[0, 0]:.3g} {took}. Best of the sweep, median: {best}."


def _scaling(axes: Axes, sweep: Sweep) -> None:
    """Steps to target against batch size, for the figure and for the sliders."""
    sizes, steps = np.array(BATCH_SIZES), _at_tuned(sweep.steps_to_target)
    _band(axes, sizes, steps, _TUNED, "rate tuned for each")
    fixed = batch_recipes.at_fixed_rate(sweep.steps_to_target)
    arrives = np.isfinite(np.median(fixed, axis=0))
    label = f"learning rate {batch_recipes.FIXED_RATE:g} for all"
    _band(axes, sizes[arrives], fixed[:, arrives], _FIXED, label)
    never = np.full(np.sum(~arrives), _NEVER)
    axes.plot(sizes[~arrives], never, **_CROSS, color=COLOURS[2], label="the same: never")
    perfect = batch_recipes.perfect_scaling(np.median(steps[:, 0]))
    axes.plot(sizes, perfect, **_GUIDE, label="perfect scaling")
    axes.set(title=f"Steps to an error of {TARGET:.0%}", ylabel="Steps")
    axes.set(yscale="log", ylim=(0.8, 1e4))
    _batch_axis(axes, BATCH_SIZES)


def _at_tuned(results: Array) -> Array:
    return batch_recipes.chosen(results, batch_recipes.tuned(results))


def _band(axes: Axes, sizes: Any, results: Array, look: dict[str, Any], label: str) -> None:
    """Median over the seeds, and the range behind it as far as it is finite."""
    low, high = results.min(axis=0), np.minimum(results.max(axis=0), 2 * _NEVER)
    axes.fill_between(sizes, low, high, color=look["color"], alpha=0.15)
    axes.plot(sizes, np.median(results, axis=0), **look, label=label)


def _batch_axis(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set(xlabel="Batch size", xscale="log", xlim=(sizes[0] / 1.3, sizes[-1] * 1.3))
    axes.set_xticks(sizes, labels=["" if k % 2 else str(size) for k, size in enumerate(sizes)])
    axes.minorticks_off()
