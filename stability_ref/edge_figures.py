"""The figures of lesson 02: where a sweep of learning rates ends, and what training looks like beyond."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stability_ref import recipes
from stability_ref.diagnosis import SIGNIFICANT_RATIO
from stability_ref.diagnosis.sweep import best_rate, feasible
from stability_ref.figures import (
    BLOW_UP,
    COLOURS,
    CROSS_ABOVE,
    LINE_STYLES,
    legend_below,
    mark_unstable,
    styled_figure,
)
from stability_ref.recipes import base_rates
from stability_ref.training import Record

Array = np.ndarray
WINDOW = 10  # steps whose losses make one point of Figure 7b
# As in the playbook's Figure 7a; what the colour says, the marker says as well.
_BEST: dict[str, Any] = {"color": "#2ca02c", "marker": "*", "markersize": 18}
_INFEASIBLE: dict[str, Any] = {"color": COLOURS[2], "marker": "x", "markersize": 11, "mew": 2.2}
_FEASIBLE: dict[str, Any] = {"color": COLOURS[0], "marker": "o", "markersize": 9}


def figure_7a(sweep: Record) -> Figure:
    """The analogue of the playbook's Figure 7a from `recipes.figure_7a`, first seed.

    The final loss on the test set, which stands for the validation set, against the base learning rate: dots
    for feasible trials, a star for the best, and infeasible ones as crosses at the top, whatever their loss.
    """
    with styled_figure(6.4, 5.2) as figure:
        _axis_plot(figure.subplots(), sweep, "Hyperparameter axis plot showing instability")
    return figure


def figure_7b(record: Record) -> Figure:
    """The analogue of the playbook's Figure 7b from `recipes.figure_7b`, first seed: means over ten steps."""
    with styled_figure(6.4, 5.2) as figure:
        axes = figure.subplots()
        loss = record.loss[0, recipes.BEYOND].reshape(-1, WINDOW).mean(axis=-1)
        steps = np.arange(len(loss)) * WINDOW
        (line,) = axes.plot(steps, loss, color=COLOURS[0], label="training loss")
        mark_unstable(line, steps >= recipes.CALM)
        axes.set(title="Training loss of an unstable model", xlim=(-40, 840), ylim=(0, 10.5))
        axes.set(xlabel="Global step", ylabel="Cross-entropy loss on the training set")
    return figure


def curves_above(sweep: Record, rates: Sequence[float], window: int) -> Figure:
    """The training loss of a sweep's first seed at these rates, up to step `window` (playbook D2).

    Where a loss is not finite any more a cross stands at the top.
    """
    with styled_figure(8.4, 4.2) as figure:
        axes = figure.subplots()
        base, top = base_rates(sweep), 30.0
        for k, rate in enumerate(rates):
            loss = sweep.loss[0, np.flatnonzero(base == rate)[0], :window]
            steps = np.arange(1, len(loss) + 1)
            look: dict[str, Any] = {"color": COLOURS[k], "linestyle": LINE_STYLES[k % len(LINE_STYLES)]}
            (line,) = axes.plot(steps, loss, label=f"learning rate {rate:.3g}", **look)
            broken = steps[~(loss <= top)][:1]
            mark_unstable(line, np.full(len(loss), broken.size > 0), BLOW_UP)
            if broken.size:
                axes.plot(broken, [top], **_INFEASIBLE, clip_on=False, label=f"_cross of {rate:.3g}")
        axes.axhline(recipes.GUESSING, color="0.5", linestyle=":", linewidth=1.2, label="guessing")
        axes.set_title("Training loss at the best rate and just above it", pad=CROSS_ABOVE)
        axes.set(
            xlabel="Global step", ylabel="Training loss", xlim=(1, window), ylim=(0.01, top), yscale="log"
        )
        legend_below(figure, columns=3, panels=[axes])
    return figure


def gradient_norms(record: Record) -> Figure:
    """The gradient's norm at every step of Figure 7b's run and of the same net at its peak rate (D5)."""
    with styled_figure(8.4, 3.4) as figure:
        axes = figure.subplots()
        for k, label in enumerate(("at its best rate", "at five times that rate")):
            norms = record.gradient_norm[0, k]
            steps = np.arange(1, len(norms) + 1)
            (line,) = axes.plot(steps, norms, color=COLOURS[k], linestyle=LINE_STYLES[k], lw=1, label=label)
            mark_unstable(line, steps > recipes.CALM)
        axes.set(title="L2 norm of the full gradient", xlabel="Global step", ylabel="Gradient norm")
        axes.set(yscale="log", xlim=(-40, 840), ylim=(3e-4, 200))
        axes.legend(loc="lower left")
    return figure


def seen_and_unseen(check: Record, factors: Sequence[float], every: int) -> Figure:
    """Figure 5 from the side of clause D6: the loss of every step, and what an evaluation now and then sees.

    Args:
        check: runs at a constant rate, one for each factor; the first seed is drawn.
        factors: how many times the best rate each is.
        every: steps between the evaluations.
    """
    with styled_figure(8.4, 4.2) as figure:
        axes = figure.subplots()
        for k, factor in enumerate(factors):
            loss = check.loss[0, k]
            steps = np.arange(len(loss))
            look: dict[str, Any] = {"color": COLOURS[k], "label": f"{factor:g} times the best rate"}
            (line,) = axes.plot(steps, loss, linestyle=LINE_STYLES[k], lw=1.2, **look)
            (dots,) = axes.plot(steps[::every], loss[::every], "o", color=COLOURS[k], label=f"_every {every}")
            mark_unstable(line, np.full(len(steps), factor > 1))
            mark_unstable(dots, np.full(len(steps[::every]), factor > 1))
        axes.plot([], [], "o", color="0.4", label=f"every {every} steps")
        axes.set(title="Training loss", xlabel="Global step", ylabel="Training loss")
        axes.set(xlim=(-5, 205), ylim=(0, 30))
        axes.legend(loc="upper right")
    return figure


class LiveEdge:
    """A sweep and one run as the slider shows them: the run's loss, and its dot on the axis plot.

    The run before stays in grey. The dot of an infeasible run is a cross in the row at the top.

    Args:
        sweep: record of `recipes.figure_7a`; its first seed is shown, and must be the seed of the runs.
    """

    def __init__(self, sweep: Record):
        self._rates, self._results = base_rates(sweep), sweep.test_loss[0, :, -1]
        with styled_figure(8.4, 3.9) as self.figure:  # fits beside the file browser unscaled
            left, right = self.figure.subplots(1, 2)
            _axis_plot(left, sweep, "Final loss")
            left.set_ylabel("Validation loss")
            ring = left.plot([], [], "o", color="black", fillstyle="none", markersize=19, mew=2.5)
            (self._cross,) = left.plot([], [], **_INFEASIBLE, label="_cross of this rate")
            (self._ring,) = ring
            self._ring.set_label("this rate")
            left.legend(handles=ring, loc="lower left", labelspacing=1)
            right.set(title="Training loss", xlabel="Global step", ylabel="Training loss")
            right.set(xscale="log", yscale="log", ylim=(0.003, 1000), xlim=(1, sweep.loss.shape[-1]))
            (self._before,) = right.plot([], [], color="0.7", label="the run before")
            (self._now,) = right.plot([], [], color=COLOURS[0], label="this run")
            (self._blow_up,) = right.plot([], [], **_INFEASIBLE, linestyle="none", label="not finite")
            right.legend(loc="lower left")
        self.lines = [self._ring, self._cross, self._before, self._now, self._blow_up]
        self._finished: Any = ([], [])

    def begin(self) -> None:
        """Let the last finished run become the grey one."""
        self._before.set_data(*self._finished)

    def fill(self, record: Record) -> None:
        """Draw what is recorded so far of a single trial's loss."""
        done = int(record.steps_done[0, 0])
        steps, loss = np.arange(1, done + 1), record.loss[0, 0, :done]
        self._now.set_data(steps, loss)
        broken = steps[~np.isfinite(loss)][:1]
        self._blow_up.set_data(broken, np.full(broken.shape, 500.0))
        mark_unstable(self._now, np.full(done, not loss.max() <= SIGNIFICANT_RATIO * loss[0]), BLOW_UP)

    def finish(self, record: Record) -> str:
        """Draw the whole run and its dot; returns whether it is feasible, as a sentence."""
        self.fill(record)
        if record.steps_done[0, 0] < record.loss.shape[-1]:
            return "The run was stopped."
        self._finished = self._now.get_data()
        rate, result = base_rates(record)[0], record.test_loss[0, 0, -1]
        is_feasible = self._is_feasible(rate, result)
        self._ring.set_data([rate], [min(result, _TOP) if is_feasible else _TOP])
        self._cross.set_data(*(([], []) if is_feasible else ([rate], [_TOP])))
        return "Feasible." if is_feasible else "Infeasible: see the cross at the top."

    def _is_feasible(self, rate: float, result: float) -> bool:
        """Whether it would be feasible as one more trial of the sweep."""
        others = ~np.isclose(self._rates, rate, rtol=1e-6)
        rates = np.append(self._rates[others], rate)
        results = np.append(self._results[others], result)
        return bool(feasible(results, rates=rates, untrained=recipes.GUESSING)[-1])


_LIMIT, _TOP = 0.35, 0.26  # the axis plot's upper end, and the row of its crosses


def axis_plot(axes: Axes, rates: Array, results: Array, feasible: Array, top: float) -> list[Line2D]:
    """Results against base learning rates: dots, a star for the best, infeasible ones as crosses at the top.

    Returns the lines, the feasible trials' last.
    """
    best = best_rate(rates, np.where(feasible, results, np.nan))
    points: Mapping[str, tuple[Array, dict[str, Any]]] = {
        "Best trial": (rates == best, _BEST),
        "Infeasible trials": (~feasible, _INFEASIBLE),
        "Feasible trials": (feasible & (rates != best), _FEASIBLE),
    }
    heights = np.where(feasible, np.minimum(results, top), top)
    lines = []
    for label, (chosen, look) in points.items():
        lines += axes.plot(rates[chosen], heights[chosen], linestyle="none", label=label, **look)
    axes.set(xscale="log", xlabel="Base learning rate")
    return lines


def _axis_plot(axes: Axes, sweep: Record, title: str) -> None:
    """Dots, star and crosses of the first seed."""
    rates, results = base_rates(sweep), sweep.test_loss[0, :, -1]
    good = feasible(results, rates=rates, untrained=recipes.GUESSING)
    *_, dots = axis_plot(axes, rates, results, good, _TOP)
    beyond = np.asarray(dots.get_xdata()) > best_rate(rates, np.where(good, results, np.nan))
    if beyond.any():
        mark_unstable(dots, beyond)
    axes.set(title=title, ylim=(0, _LIMIT), ylabel="Cross-entropy loss on the validation set")
    axes.legend(loc="upper right")
