"""The figures of a diagnosis: loss and gradient norm against step, a histogram of the norms, the sweep."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.report import Report, RunReport
from stability_ref.diagnosis.sweep_report import SweepReport
from stability_ref.diagnosis.warmup.report import WarmupSearch
from stability_ref.edge_figures import axis_plot
from stability_ref.figures import COLOURS, CROSS_ABOVE, LINE_STYLES, mark_unstable, styled_figure

Array = np.ndarray
MOST_POINTS = 4000  # a longer curve is drawn as its lowest and highest value in each of half as many windows
OUT_OF_SIGHT = 1e6  # a diverged loss leaves the picture here
DEEPEST = 1e4  # how far below its highest point a logarithmic axis reaches
MOST_RUNS = 10  # as many as there are colours
LONGEST_NAME = 40  # characters; of a longer name the end tells more
MOST_DRAWN = 1e200  # matplotlib's ticks overflow beyond


def report_figure(report: Report) -> Figure:
    """What a report is about, in pictures (playbook C2, D5, D7, D8).

    Loss against step, a dotted line where a rise begins, a cross where the loss is not finite; where norms
    were logged, norm against step with its outliers and the threshold that it suggests, and their histogram;
    for a sweep, result against learning rate. The first ten runs are drawn.

    Args:
        report: of `diagnosis.diagnose`.
    """
    runs = report.runs[:MOST_RUNS]
    normed = [run for run in runs if run.norms is not None]
    rows = 1 + bool(normed) + (report.sweep is not None)
    with styled_figure(9.6, 3.6 * rows) as figure:
        grid = figure.add_gridspec(rows, 3)
        _loss_panel(figure.add_subplot(grid[0, :]), runs)
        if normed:
            _norm_panel(figure.add_subplot(grid[1, :2]), normed)
            _histogram(figure.add_subplot(grid[1, 2]), normed)
        if report.sweep is not None:
            _axis_plot(figure.add_subplot(grid[-1, :]), report.sweep)
    return figure


def thinned(step: Array, values: Array) -> tuple[Array, Array]:
    """A curve of at most 4000 points that has the same outline: lowest and highest value of each window.

    Values that are not finite are left out.

    Example:
        >>> step, values = thinned(np.arange(100_000), np.sin(np.arange(100_000)))
        >>> len(step), round(float(values.max()), 6)
        (4000, 1.0)
    """
    finite = np.isfinite(values)
    step, values = step[finite], values[finite]
    if len(step) <= MOST_POINTS:
        return step, values
    places = []
    edges = np.linspace(0, len(step), MOST_POINTS // 2 + 1).astype(int)
    for first, end in itertools.pairwise(edges):
        window = values[first:end]
        places.extend(sorted((first + int(window.argmin()), first + int(window.argmax()))))
    return step[places], values[places]


def _loss_panel(axes: Axes, runs: Sequence[RunReport]) -> None:
    for number, run in enumerate(runs):
        look = _look(number)
        step, loss = thinned(run.log.step, run.log.loss)
        axes.plot(step, np.clip(loss, -MOST_DRAWN, MOST_DRAWN), label=_label(run), **look)
        if run.finding.since is not None:
            label = f"_rise of {_label(run)}"
            axes.axvline(run.finding.since, color=look["color"], linestyle=":", label=label)
    _set_scale(axes, [run.log.loss for run in runs])
    for number, run in enumerate(runs):
        broken = run.log.step[~np.isfinite(run.log.loss)][:1]
        if broken.size:
            top = axes.get_ylim()[1]
            axes.plot(
                broken,
                [top],
                "x",
                color=_look(number)["color"],
                markersize=11,
                mew=3,
                clip_on=False,
                label=f"_{_label(run)} not finite",
            )
            axes.set_ylim(top=top)
    axes.set(xlabel="Global step", ylabel="Training loss")
    axes.set_title("Training loss", pad=CROSS_ABOVE)
    axes.legend()


def _norm_panel(axes: Axes, runs: Sequence[RunReport]) -> None:
    for number, run in enumerate(runs):
        assert run.norms is not None
        look, norms = _look(number), run.norms
        step, norm = thinned(run.log.step, run.log.gradient_norm)
        axes.plot(step, np.minimum(norm, MOST_DRAWN), label=_label(run), **look)
        if norms.threshold is not None:
            label = f"threshold to start from, {norms.threshold:.3g}"
            axes.axhline(min(norms.threshold, MOST_DRAWN), color=look["color"], linestyle=":", label=label)
        shown = np.searchsorted(run.log.step, norms.outliers)
        step, norm = thinned(run.log.step[shown], run.log.gradient_norm[shown])
        label = f"_outliers of {_label(run)}"
        drawn = np.minimum(norm, MOST_DRAWN)
        axes.plot(step, drawn, "o", color=look["color"], fillstyle="none", label=label)
    _set_scale(axes, [run.log.gradient_norm for run in runs])
    axes.set(title="Gradient norm, unclipped", xlabel="Global step", ylabel="L2 norm of the gradient")
    axes.legend()


def _histogram(axes: Axes, runs: Sequence[RunReport]) -> None:
    """Over all steps; the bins are as wide on the axis wherever they lie."""
    norms = [run.log.gradient_norm for run in runs]
    finite = [np.minimum(norm[np.isfinite(norm)], MOST_DRAWN) for norm in norms]
    positive = np.concatenate(finite)
    positive = positive[positive > 0]
    if positive.size:
        low, high = positive.min() / 1.01, positive.max() * 1.01
        bins = np.geomspace(low, high, 41)
        for number, norm in enumerate(finite):
            counts, _ = np.histogram(norm, bins)
            look = {**_look(number), "label": _label(runs[number])}
            axes.step(bins, np.append(counts, counts[-1:]), where="post", **look)
        axes.set(xscale="log")
    axes.set(title="Histogram", xlabel="Gradient norm", ylabel="Steps")


def _axis_plot(axes: Axes, sweep: SweepReport) -> None:
    """As the playbook's Figure 7a."""
    good = sweep.results[sweep.feasible]
    top = good.max() + 0.25 * (np.ptp(good) or abs(good.max()) or 1.0)
    axis_plot(axes, sweep.rates, sweep.results, sweep.feasible, top)
    axes.set(title="The sweep", ylabel=sweep.measure.capitalize())
    axes.legend()


def _set_scale(axes: Axes, curves: Sequence[Array]) -> None:
    """Logarithmic where none is below 0 and the range is wide, as blow-ups make it; at most four decades."""
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    positive = finite[finite > 0]
    if positive.size and finite.min() >= 0 and positive.max() / 20 > positive.min():
        axes.set_yscale("log")
        if positive.min() < positive.max() / DEEPEST:  # a loss that is nearly 0 would hide what happens above
            axes.set_ylim(bottom=positive.max() / DEEPEST)


def _label(run: RunReport) -> str:
    """The run's name as a legend shows it: no formula, no underscore in front, not too long."""
    name = " ".join(run.log.name.split()).replace("$", r"\$") or "run"
    name = name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :]
    return f" {name}" if name.startswith("_") else name


def _look(number: int) -> dict[str, Any]:
    """A colour and a line style that tell the runs apart."""
    return {"color": COLOURS[number], "linestyle": LINE_STYLES[number % len(LINE_STYLES)], "linewidth": 1.4}


class LiveLog:
    """A log as the sliders show it: every step in grey, what was evaluated as points, the rise that is seen.

    Args:
        steps: the longest log that must fit.
        low: the lowest loss that must fit.
        high: the highest.
    """

    def __init__(self, steps: int, low: float, high: float):
        with styled_figure(8.4, 3.6) as self.figure:
            axes = self.figure.subplots()
            axes.set(title="Training loss", xlabel="Global step", ylabel="Training loss")
            axes.set(xlim=(-0.02 * steps, 1.02 * steps), ylim=(low, high), yscale="log")
            (self._every,) = axes.plot([], [], color="0.75", linewidth=1.2, label="every step")
            (self._seen,) = axes.plot([], [], "o-", color=COLOURS[0], linewidth=1, label="evaluated")
            (self._rise,) = axes.plot([], [], ":", color=COLOURS[1], linewidth=2.5, label="a rise is seen")
            axes.legend(loc="upper right")
            self._heights = (low, high)
        self.lines = [self._every, self._seen, self._rise]

    def fill(self, every: Log, seen: RunReport) -> None:
        """Draw a log, what was evaluated of it, and where its diagnosis sees a rise."""
        self._every.set_data(every.step, every.loss)
        self._seen.set_data(seen.log.step, seen.log.loss)
        since = [] if seen.finding.since is None else [seen.finding.since] * 2
        self._rise.set_data(since, self._heights[: len(since)])


def search_figure(searches: Sequence[WarmupSearch]) -> Figure:
    """The training losses of warmup searches: the baseline, and every warmup that was tried.

    Args:
        searches: of `diagnosis.find_warmup`, with one baseline.
    """
    trials = [searches[0].baseline, *(trial for search in searches for trial in search.trials)]
    with styled_figure(9.6, 4.2) as figure:
        axes = figure.subplots()
        for number, trial in enumerate(trials):
            bounded = np.minimum(np.nan_to_num(trial.log.loss, nan=np.inf), OUT_OF_SIGHT)
            step, loss = thinned(trial.log.step, bounded)
            label = f"rate {trial.rate:.3g}, " + (f"warmup {trial.warmup_steps}" if number else "baseline")
            (line,) = axes.plot(step, loss, label=label, **_look(number))
            mark_unstable(line, np.full(len(step), True))  # other processors part from these digits
        axes.set(title="Training loss", xlabel="Global step", ylabel="Training loss", yscale="log")
        axes.set(xlim=(0, max(trial.steps for trial in trials)), ylim=(1e-2, OUT_OF_SIGHT / 10))
        axes.legend(loc="upper right")
    return figure
