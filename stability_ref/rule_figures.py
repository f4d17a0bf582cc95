"""The figures of lesson 01: paths of the rules, what their states hold, their limits, their first steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref.figures import COLOURS, LINE_STYLES, styled_figure
from stability_ref.problems import NOTHING_TO_DRAW, Landscape
from stability_ref.sharpness import EDGES, LINEAR, growth
from stability_ref.training import Trace
from stability_ref.updates import RULES

Array = np.ndarray


def paths(problem: Landscape, traces: Mapping[str, Trace], corners: Sequence[float], title: str) -> Figure:
    """The path of each rule over the landscape's contours, from the circle to the square.

    Args:
        problem: a landscape in two dimensions.
        traces: one for each panel, by its title; six fit.
        corners: lowest and highest x, lowest and highest y.
        title: what the figure is about.
    """
    with styled_figure(9.6, 5.6) as figure:
        figure.suptitle(title)
        panels = figure.subplots(2, 3, sharex=True, sharey=True)
        for axes, (name, trace) in zip(panels.flat, traces.items(), strict=False):
            _contours(axes, problem, corners)
            x, y = trace.theta.T
            axes.plot(x, y, "-", color=COLOURS[1], marker=".", markersize=4, linewidth=1.2, label="path")
            axes.plot(x[:1], y[:1], "o", color=COLOURS[0], label="start")
            axes.plot(x[-1:], y[-1:], "s", color=COLOURS[2], label="end")
            axes.set(title=name, xlim=corners[:2], ylim=corners[2:])
        for axes in panels[1]:
            axes.set_xlabel("θ₁")
        for axes in panels[:, 0]:
            axes.set_ylabel("θ₂")
        panels[0, 0].legend(loc="upper right")
    return figure


class LivePath:
    """One path as the sliders show it, and beside it what the rule holds at one step.

    Args:
        problem: a landscape in two dimensions.
        corners: lowest and highest x, lowest and highest y.
    """

    ROWS = 7

    def __init__(self, problem: Landscape, corners: Sequence[float]):
        with styled_figure(8.4, 4.0) as self.figure:
            left, right = self.figure.subplots(1, 2, width_ratios=[1.4, 1])
            _contours(left, problem, corners)
            left.set(xlabel="θ₁", ylabel="θ₂", xlim=corners[:2], ylim=corners[2:], title="The path")
            (self._path,) = left.plot(
                [], [], "-", color=COLOURS[1], marker=".", markersize=5, linewidth=1.2, label="path"
            )
            (self._now,) = left.plot([], [], "o", color=COLOURS[2], markersize=10, label="this step")
            left.legend(loc="upper right")
            right.set_axis_off()
            heights = np.linspace(0.93, 0.1, self.ROWS)
            self._cells = [
                [right.text(x, y, "", family="monospace") for x in (0, 0.2, 0.62)] for y in heights
            ]
        self.lines = [self._path, self._now, *(cell for row in self._cells for cell in row)]

    def fill(self, trace: Trace, step: int) -> None:
        """Draw the path, mark θ at one step and write down what the rule held there."""
        step = min(step, len(trace.gradient))
        self._path.set_data(*trace.theta.T)
        self._now.set_data(*trace.theta[step : step + 1].T)
        rows = state_table(trace, step)
        for cells, row in zip(self._cells, [*rows, *[("", "", "")] * self.ROWS], strict=False):
            for cell, text in zip(cells, row, strict=True):
                cell.set_text(text)


def state_table(trace: Trace, step: int) -> list[tuple[str, str, str]]:
    """What a rule holds after `step` steps, as rows of a name and its two coordinates.

    Example:
        >>> from stability_ref import problems, schedules, training
        >>> bowl = problems.Quadratic([1.0, 2.0])
        >>> seen = training.trace(bowl, "momentum", schedules.constant(0.1), steps=3)
        >>> for row in state_table(seen, step=1):
        ...     print(*row)
        t 1 of 3
        θ +0.9 +0.8
        g +0.9 +1.6
        v +1 +2
    """
    steps = len(trace.gradient)
    rows = [("t", str(step), f"of {steps}"), _row("θ", trace.theta[step])]
    if step < steps:
        rows.append(_row("g", trace.gradient[step]))
    state = trace.states[step]
    named = zip(state._fields, state, strict=True)
    return rows + [_row(name, np.ravel(value)) for name, value in named if np.ndim(value)]


def limits(gammas: Sequence[float]) -> Figure:
    """How much a step stretches the error at worst against η h, each rule's edge dotted (playbook E)."""
    with styled_figure(9.6, 3.8) as figure:
        products = np.arange(0.01, 4.5, 0.02)  # misses 1, where rounding would be all there is
        for axes, name in zip(figure.subplots(1, 3, sharey=True), LINEAR, strict=True):
            axes.axhline(1, color="0.4", linewidth=1, label="_one")
            for k, gamma in enumerate(gammas if RULES[name].defaults else gammas[:1]):
                constants = {"gamma": gamma} if RULES[name].defaults else {}
                look: dict[str, Any] = {"color": COLOURS[k], "linestyle": LINE_STYLES[k]}
                label = f"γ = {gamma:g}" if constants else "SGD"
                stretch = [growth(name, 1.0, product, **constants) for product in products]
                axes.plot(products, stretch, label=label, **look)
                axes.axvline(
                    EDGES[name](1.0, **constants), color=COLOURS[k], linestyle=":", label=f"_edge {label}"
                )
            axes.set(title=name, xlabel="η h", ylim=(0, 2.5), xlim=(0, 4.5))
            axes.legend(loc="upper left")
        figure.axes[0].set_ylabel("stretch of a step")
    return figure


def curves(
    series: Mapping[str, tuple[Array, Array]], title: str, xlabel: str, ylabel: str, yscale: str = "log"
) -> Figure:
    """A few curves in one panel, told apart by colour and line style.

    Args:
        series: x and y of each curve, by its label.
        title: what the figure is about.
        xlabel: what x is.
        ylabel: what y is.
        yscale: log or linear; x is logarithmic if it spans a factor of 1000.
    """
    with styled_figure(8.4, 3.8) as figure:
        axes = figure.subplots()
        for k, (label, (x, y)) in enumerate(series.items()):
            axes.plot(x, y, color=COLOURS[k], linestyle=LINE_STYLES[k], label=label)
        spans_decades = all(x[0] > 0 and x[-1] > 1000 * x[0] for x, _ in series.values())
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale=yscale)
        axes.set_xscale("log" if spans_decades else "linear")
        axes.legend()
    return figure


def _contours(axes: Axes, problem: Landscape, corners: Sequence[float]) -> None:
    """Contours at equal ratios of the loss: what a rule sees far from the floor and near to it."""
    left, right, bottom, top = corners
    x, y = np.meshgrid(np.linspace(left, right, 121), np.linspace(bottom, top, 121))
    points = np.stack([x.ravel(), y.ravel()], axis=-1).astype(problem.dtype)
    loss, _ = problem.loss_and_gradient(points, NOTHING_TO_DRAW)
    levels = loss.max() * 10.0 ** np.arange(-5, 0.1, 0.5)
    axes.contour(x, y, loss.reshape(x.shape), levels=levels, colors="0.75", linewidths=0.8)
    axes.grid(False)


def _row(name: str, pair: Array) -> tuple[str, str, str]:
    return name, f"{pair[0]:+.3g}", f"{pair[1]:+.3g}"
