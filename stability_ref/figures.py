"""Figures: data in, Figure out, and `show`, which publishes a picture together with its numbers.

A figure is a plain matplotlib Figure without pyplot: nothing global, so it can be drawn in any thread.
"""

import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref import recipes
from stability_ref.diagnosis import SIGNIFICANT_RATIO, significant_instability
from stability_ref.figure_facts import facts as facts
from stability_ref.figure_facts import mark_unstable as mark_unstable
from stability_ref.figure_style import COLOURS as COLOURS
from stability_ref.figure_style import CROSS_ABOVE as CROSS_ABOVE
from stability_ref.figure_style import LINE_STYLES as LINE_STYLES
from stability_ref.figure_style import legend_below as legend_below
from stability_ref.figure_style import styled_figure as styled_figure
from stability_ref.figure_style import use_style as use_style
from stability_ref.training import Record

Array = np.ndarray
BLOW_UP = 10.0  # the facts of an unstable line name the step at which the loss passes this bound

_LOOKS: dict[str, dict[str, Any]] = {
    "standard net": {"color": COLOURS[0], "linestyle": "-", "marker": "o"},
    "sick twin": {"color": COLOURS[1], "linestyle": "--", "marker": "s"},
    "sick twin + warmup": {"color": COLOURS[2], "linestyle": "-.", "marker": "^"},
}


def figure_4(records: Mapping[str, Record]) -> Figure:
    """The analogue of the playbook's Figure 4 from `recipes.figure_4`.

    Above, the test error against the base learning rate: median and range over the seeds, a cross where
    most seeds show significant instability, a star at each curve's best rate. Below, the training loss of the
    first seed at a small and at a large rate.
    """
    with styled_figure(9.6, 7.4) as figure:
        axes = figure.subplot_mosaic([["sweep", "sweep"], ["small", "large"]], height_ratios=[1.25, 1])
        _axis_plot(axes["sweep"], records)
        for name, place in {"small": recipes.SMALL, "large": recipes.LARGE}.items():
            rate = recipes.RATES[place]
            curves = {label: record.loss[0, place] for label, record in records.items()}
            references = {label: record.loss[0, 0] for label, record in records.items()}
            _loss_panel(axes[name], curves, references)
            axes[name].set(title=f"Training at learning rate {rate:.3g}")
        axes["small"].set_ylim(0.1, 10)
        axes["large"].set_ylim(0.003, 100)
        legend_below(figure, columns=3, panels=[axes["sweep"]])
    return figure


def figure_5(records: Mapping[str, tuple[Record, Record]]) -> Figure:
    """The analogue of the playbook's Figure 5 from `recipes.figure_5`, first seed.

    The same runs seen twice: evaluated every 50 steps, from the first such step on, and at every step.
    """
    with styled_figure(9.6, 3.8) as figure:
        left, right = figure.subplots(1, 2)
        for label, (sparse, frequent) in records.items():
            unstable = bool(frequent.train_loss[0, 0].max() > BLOW_UP)
            for axes, record, skip in ((left, sparse, 1), (right, frequent, 0)):
                steps, loss = record.evaluated_at[skip:], record.train_loss[0, 0, skip:]
                (line,) = axes.plot(steps, loss, label=label, **_LOOKS[label])
                mark_unstable(line, np.full(len(steps), unstable), BLOW_UP)
        left.set(title=f"Evaluated every {recipes.SPARSE} steps", ylim=(0, 5))
        right.set(title=f"Every one of the first {recipes.FREQUENT} steps", ylim=(0, 50))
        for axes in (left, right):
            axes.set(xlabel="Global step", ylabel="Training loss", xlim=(0, None))
            axes.legend()
    return figure


class LiveRun:
    """One run as the sliders show it: the loss beside its learning rate, and the run before in grey.

    Where the loss is not finite any more a cross stands at the top.

    Args:
        steps: the longest run that must fit.
    """

    def __init__(self, steps: int):
        with styled_figure(8.4, 3.8) as self.figure:  # fits beside the file browser unscaled
            loss, rate = self.figure.subplots(1, 2)
            loss.set(title="Training loss", ylabel="Training loss", ylim=(0.003, 1000))
            rate.set(title="Learning rate", ylabel="Learning rate", ylim=(1e-5, 2))
            self._before = [
                axes.plot([], [], color="0.7", label="the run before")[0] for axes in (loss, rate)
            ]
            self._now = [axes.plot([], [], color=COLOURS[0], label="this run")[0] for axes in (loss, rate)]
            crosses = loss.plot([], [], "x", color=COLOURS[2], markersize=12, mew=3, label="not finite")
            self._blow_up = crosses[0]
            for axes in (loss, rate):
                axes.set(xlabel="Global step", xlim=(1, steps), xscale="log")
                axes.set_yscale("log", nonpositive="mask")  # warmup's first rate is 0
            self._finish_axes(loss, rate)
        self.lines = [*self._before, *self._now, self._blow_up]

    def _finish_axes(self, loss: Axes, rate: Axes) -> None:
        """What a picture of the same kind may do otherwise."""
        loss.legend(loc="lower left")

    def fill(self, record: Record) -> None:
        """Draw what is recorded so far of a single trial."""
        done = int(record.steps_done[0, 0])
        steps, loss = np.arange(1, done + 1), record.loss[0, 0, :done]
        self._now[0].set_data(steps, loss)
        self._now[1].set_data(steps, record.rate[0, :done])
        broken = steps[~np.isfinite(loss)][:1]
        self._blow_up.set_data(broken, np.full(broken.shape, 500.0))
        mark_unstable(self._now[0], np.full(done, not loss.max() <= SIGNIFICANT_RATIO * loss[0]), BLOW_UP)

    def finish(self, record: Record) -> None:
        """Draw the whole run; the next one will have it in grey behind it, unless it was stopped."""
        self.fill(record)
        if record.steps_done[0, 0] == record.loss.shape[-1]:
            self._finished = [line.get_data() for line in self._now]

    def begin(self) -> None:
        """Let the last finished run become the grey one."""
        for line, data in zip(self._before, self._finished, strict=True):
            line.set_data(*data)

    _finished: Sequence[Any] = (([], []), ([], []))


def show(figure: Figure, alt: str) -> None:
    """Publish a figure as PNG together with its numbers as text, and a sentence that says what it shows.

    Without the numbers a test of a notebook's outputs would pass whatever the picture shows, since pictures
    are not compared. The sentence is the text alternative, for those who cannot see the picture.

    Args:
        figure: any matplotlib Figure.
        alt: one or two sentences on what the picture shows.
    """
    from IPython.display import Markdown, display

    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    display(
        {"image/png": png.getvalue(), "text/plain": facts(figure)},
        raw=True,
        metadata={"image/png": {"alt": alt}},
    )
    display(Markdown(f"*{alt}*"))


def log_windows(loss: Array, windows: int = 60) -> tuple[Array, Array]:
    """Means over windows equally wide on a log axis: single steps at first, where the spike is, then more."""
    edges = np.unique(np.round(np.geomspace(1, len(loss) + 1, windows + 1)).astype(int))
    means = [loss[start - 1 : end - 1].mean() for start, end in itertools.pairwise(edges)]
    return edges[:-1], np.array(means)


def _axis_plot(axes: Axes, records: Mapping[str, Record]) -> None:
    """Test error against base learning rate, with crosses and stars."""
    top = 0.35
    for label, record in records.items():
        look = _LOOKS[label]
        errors = record.final_test_error  # (S, R)
        median = np.median(errors, axis=0)
        unstable = significant_instability(record.loss, record.loss[:, :1])  # (S, R)
        band = axes.fill_between(
            recipes.RATES, errors.min(axis=0), errors.max(axis=0), color=look["color"], alpha=0.15
        )
        (line,) = axes.plot(recipes.RATES, median, label=label, **look)
        for artist in (line, band):
            mark_unstable(artist, np.any(unstable, axis=0))
        crossed = unstable.mean(axis=0) > 0.5
        (crosses,) = axes.plot(
            recipes.RATES[crossed],
            np.minimum(median[crossed], top),
            "x",
            color="black",
            markersize=11,
            clip_on=False,
            label=f"_crosses of {label}",
        )
        mark_unstable(crosses, np.full(crossed.sum(), True))
        best = int(np.argmin(median))
        axes.plot(
            recipes.RATES[best],
            median[best],
            "*",
            color=look["color"],
            markersize=17,
            label=f"_best of {label}",
        )
    axes.plot([], [], "x", color="black", markersize=11, label="significant instability")
    axes.plot([], [], "*", color="0.4", markersize=15, linestyle="none", label="best learning rate")
    axes.set(title="Digits, residual network, Momentum", xscale="log", ylim=(0, top))
    axes.set(xlabel="Base learning rate", ylabel="Test error rate")


def _loss_panel(axes: Axes, curves: Mapping[str, Array], references: Mapping[str, Array]) -> None:
    """Training loss against step, both logarithmic, in windows that grow with the step."""
    for label, loss in curves.items():
        steps, mean = log_windows(loss)
        look = {**_LOOKS[label], "marker": "none"}
        (line,) = axes.plot(steps, mean, label=label, **look)
        unstable = bool(significant_instability(loss, references[label]))
        mark_unstable(line, np.full(len(steps), unstable), BLOW_UP)
    axes.set(xlabel="Global step", ylabel="Training loss", xscale="log", yscale="log")
