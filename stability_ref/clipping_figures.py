"""The figures of lesson 04: gradient norms, thresholds, what they make of the rate and what they save."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref import clipping_recipes, recipes
from stability_ref.checks import require
from stability_ref.clipping import clipped_fraction, threshold_at_percentile
from stability_ref.diagnosis.norms import EXTREME
from stability_ref.figures import BLOW_UP, COLOURS, legend_below, mark_unstable, styled_figure
from stability_ref.training import Record

Array = np.ndarray
WINDOW = 10  # steps whose losses or norms make one point
PORTABLE = 300  # of the run that clips too much: later its digits differ between processors
BINS = np.geomspace(0.1, 1e6, 57)  # of the histograms: eight a decade
_TOP = 1e6  # of the live loss: a run above it has blown up
_BETTER: dict[str, Any] = {"color": "#2ca02c", "linestyle": "--"}  # green and red as in the playbook's figure
_AGGRESSIVE: dict[str, Any] = {"color": "#d62728", "linestyle": "-."}
_LOOKS: dict[str, dict[str, Any]] = {
    "no clipping": {"color": COLOURS[2], "linestyle": ":"},
    "better threshold": _BETTER,
    "threshold too aggressive": _AGGRESSIVE,
    "smaller rate instead": {"color": "black", "linestyle": ":"},
    "clipped": {"color": COLOURS[0], "linestyle": "-"},
    "clipped harder": {"color": COLOURS[1], "linestyle": "--"},
}
_THRESHOLDS = {
    "better threshold": clipping_recipes.BETTER,
    "threshold too aggressive": clipping_recipes.TOO_AGGRESSIVE,
    "smaller rate instead": clipping_recipes.BETTER,
}


def figure_9(records: Mapping[str, Record]) -> Figure:
    """The analogue of the playbook's Figure 9 from `clipping_recipes.figure_9`, first seed.

    Left, the norms before clipping of the run with the better threshold, against the step; the playbook does
    not say which run's norms it drew. Right, the histogram of the same norms (C2). Both thresholds are lines.
    """
    norms = records["better threshold"].gradient_norm[0, 0]
    with styled_figure(9.6, 4.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
        left.plot(norms, color=COLOURS[0], linewidth=0.9, label="gradient norm")
        _histogram(right, norms)
        for label in ("threshold too aggressive", "better threshold"):
            threshold = _THRESHOLDS[label]
            look = {**_LOOKS[label], "label": f"{label}, {threshold:g}"}
            left.axhline(threshold, **look)
            right.axvline(threshold, **look)
        left.set(title="Training an unstable net with gradient clipping", xlabel="Global step")
        left.set(ylabel="Gradient L2 norm", yscale="log", ylim=(0.0008, 1e6), xlim=(-30, len(norms)))
        right.set(title="Histogram", xlabel="Gradient L2 norm", ylabel="Steps")
        _remarks(left, len(norms))
        legend_below(figure, columns=2, panels=[left])
    return figure


def _remarks(axes: Axes, steps: int) -> None:
    """The playbook's three remarks, shortened, each at what it speaks of."""
    first_below = 0.11 * steps
    remarks = {
        "clipping stabilises\nearly training": ((first_below, 6), (0.2, 0.85)),
        "safe: just above\nthe typical norm": ((0.62 * steps, clipping_recipes.BETTER), (0.45, 0.62)),
        "clips every step:\ncuts the learning rate,\nslows training down": (
            (0.62 * steps, clipping_recipes.TOO_AGGRESSIVE),
            (0.25, 0.06),
        ),
    }
    for text, (place, corner) in remarks.items():
        axes.annotate(
            text,
            place,
            xytext=corner,
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "->", "color": "0.3"},
            bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "0.6"},
        )


def effective_rates(records: Mapping[str, Record]) -> Figure:
    """What each threshold makes of the learning rate, and the training loss that comes of it (C5).

    Args:
        records: of `clipping_recipes.figure_9`; the first seed is drawn, medians over ten steps. The run
            without clipping is over after a few steps and left out.
    """
    with styled_figure(9.6, 4.4) as figure:
        left, right = figure.subplots(1, 2)
        for label, threshold in _THRESHOLDS.items():
            record = records[label]
            rate = clipping_recipes.effective_rate(record, threshold)[0, 0]
            for axes, values in ((left, rate), (right, record.loss[0, 0])):
                steps, medians = _medians(values)
                (line,) = axes.plot(steps, medians, **_LOOKS[label], label=label)
                if label != "better threshold":
                    mark_unstable(line, steps >= PORTABLE)
        right.axhline(clipping_recipes.GUESSING, color="0.5", linewidth=1, label="guessing")
        left.set(title="Effective learning rate", ylabel="Learning rate", ylim=(3e-8, 0.03))
        right.set(title="Training loss", ylabel="Training loss", ylim=(0.01, 1e5))
        for axes in (left, right):
            axes.set(xlabel="Global step", yscale="log", xlim=(-30, None))
        legend_below(figure, columns=2, panels=[right])
    return figure


def spikes(records: Mapping[str, Record]) -> Figure:
    """Mid-training instability without clipping, clipped and clipped harder (C4, C6), first seed.

    Args:
        records: of `clipping_recipes.spikes`. Left the loss, means over ten steps; right the largest
            norm before clipping of every ten steps, and both thresholds as thin lines.
    """
    threshold = clipping_recipes.calm_threshold(records["no clipping"])
    with styled_figure(9.6, 4.2) as figure:
        left, right = figure.subplots(1, 2)
        for label, record in records.items():
            loss = record.loss[0, 0].reshape(-1, WINDOW).mean(axis=-1)
            norms = record.gradient_norm[0, 0].reshape(-1, WINDOW).max(axis=-1)
            steps = np.arange(len(norms)) * WINDOW
            for axes, values in ((left, loss), (right, norms)):
                (line,) = axes.plot(steps, values, **_LOOKS[label], label=label)
                mark_unstable(line, steps >= recipes.CALM)
        for name, factor in {"clipped": 1, "clipped harder": 0.5}.items():
            right.axhline(factor * threshold, **_LOOKS[name] | {"linewidth": 1}, label=f"_threshold, {name}")
        left.set(title="Training loss", ylabel="Training loss", ylim=(0, 10.5))
        right.set(title="Gradient norm, largest of ten steps", ylabel="Gradient norm")
        right.set(yscale="log", ylim=(0.05, 200))
        for axes in (left, right):
            axes.set(xlabel="Global step", xlim=(-20, 820))
        left.legend(loc="upper right")
    return figure


class LiveThreshold:
    """A threshold as the slider moves it: on the norms, on their histogram, and the loss of a run with it.

    The slider's percentile is taken of the norms of a run that survived, drawn in light grey; the run
    trained anew is drawn in blue. On the right the loss of the run before stays in grey.

    Args:
        surviving: a record such as `clipping_recipes.train` gives; its first seed is shown, and must be the
            seed of the runs.
    """

    def __init__(self, surviving: Record):
        self._norms = surviving.gradient_norm[0, 0]
        self._percentile = self._threshold = float("nan")
        with styled_figure(8.4, 4.2) as self.figure:  # fits beside the file browser unscaled
            left, middle, right = self.figure.subplots(1, 3)
            self._draw_norms(left, middle)
            self._draw_loss(right)
            for axes in (left, right):
                steps = len(self._norms)
                axes.set(xlabel="Global step", yscale="log", xlim=(-30, steps))
                axes.set_xticks([0, steps // 2, steps])
            legend_below(self.figure, columns=3, panels=[left, right])
        self.lines = [self._now_norms, self._across, self._up, self._before, self._now, self._blow_up]
        self._finished: Any = ([], [])
        self._was_unstable = np.zeros(0, dtype=bool)

    def _draw_norms(self, left: Axes, middle: Axes) -> None:
        left.plot(self._norms, color="0.75", linewidth=0.9, label="the run that survived")
        (self._now_norms,) = left.plot([], [], color=COLOURS[0], linewidth=0.9, label="this run")
        (self._across,) = left.plot([], [], **_BETTER, label="threshold")
        left.set(title="Gradient norm", ylim=(0.05, 1e6))
        _histogram(middle, self._norms, color="0.75")
        (self._up,) = middle.plot([], [], **_BETTER, label="threshold")
        middle.set(title="Histogram", xlabel="Gradient norm", ylabel="Steps")
        self._top = middle.get_ylim()[1]
        middle.set_ylim(0, self._top)

    def _draw_loss(self, right: Axes) -> None:
        (self._before,) = right.plot([], [], color="0.7", label="the run before")
        (self._now,) = right.plot([], [], color=COLOURS[0], label="this run")
        cross: dict[str, Any] = {"color": COLOURS[2], "markersize": 12, "mew": 3}
        (self._blow_up,) = right.plot([], [], "x", **cross, label="blew up")
        right.axhline(clipping_recipes.GUESSING, color="0.5", linewidth=1, label="guessing")
        right.set(title="Training loss", ylim=(0.01, _TOP))

    def set_percentile(self, percentile: float) -> float:
        """Move the threshold to that percentile of the surviving run's norms; returns λ."""
        threshold = threshold_at_percentile(self._norms, percentile)
        require(threshold > 0, "percentile", "one whose norm is above 0", percentile)
        self._percentile, self._threshold = percentile, threshold
        self._across.set_data([-30, len(self._norms)], [threshold, threshold])
        self._up.set_data([threshold, threshold], [0, self._top])
        return threshold

    def begin(self) -> None:
        """Let the last finished run become the grey one."""
        self._before.set_data(*self._finished)
        mark_unstable(self._before, self._was_unstable, BLOW_UP)

    def fill(self, record: Record) -> None:
        """Draw what is recorded so far of a single trial."""
        done = int(record.steps_done[0, 0])
        loss, norms = record.loss[0, 0, :done], record.gradient_norm[0, 0, :done]
        whole = done - done % WINDOW
        steps, medians = _medians(loss[:whole])
        self._now.set_data(steps, medians)
        self._now_norms.set_data(np.arange(done), norms)
        broken = np.flatnonzero(~(loss <= _TOP))[:1]
        self._blow_up.set_data(broken, np.full(broken.shape, _TOP / 3))
        clipped_less = np.median(norms) <= self._threshold  # else the digits part late, as those of a blow-up
        self._portable = 0 if broken.size else done if clipped_less else PORTABLE
        mark_unstable(self._now, steps >= self._portable, BLOW_UP)
        mark_unstable(self._now_norms, np.arange(done) >= self._portable)

    def finish(self, record: Record) -> str:
        """Draw the whole run; returns threshold, clipped share and what came of it, in sentences."""
        self.fill(record)
        if record.steps_done[0, 0] < record.loss.shape[-1]:
            return "The run was stopped."
        self._finished = self._now.get_data()
        self._was_unstable = np.asarray(self._finished[0]) >= self._portable
        name = f"Threshold {self._threshold:.3g}, percentile {self._percentile:g}"
        if self._portable == 0:
            return f"{name}: the loss blew up, the threshold is too loose."
        share = clipped_fraction(record.gradient_norm[0, 0], self._threshold)
        aggressive = ", in essence a smaller learning rate" if share > EXTREME else ""
        loss = record.train_loss[0, 0, -1]
        return f"{name}: {share:.0%} of the updates clipped{aggressive}. Final training loss {loss:.2g}."


def _histogram(axes: Axes, norms: Array, color: Any = COLOURS[0]) -> None:
    """How many of the steps have a norm in each bin, as a line of steps that is filled below."""
    counts, _ = np.histogram(norms, BINS)
    heights = np.append(counts, 0)
    axes.plot(BINS, heights, color=color, drawstyle="steps-post", linewidth=1.2, label="steps")
    axes.fill_between(BINS, heights, step="post", color=color, alpha=0.3)
    axes.set(xscale="log", xlim=(BINS[0], BINS[-1]), ylim=(0, None))


def _medians(values: Array) -> tuple[Array, Array]:
    """The first step of every window of ten, and the window's median."""
    return np.arange(0, len(values), WINDOW), np.median(values.reshape(-1, WINDOW), axis=-1)
