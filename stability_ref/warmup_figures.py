"""The figures of lessons 03 and 03b on warmup: what it is prepended to, and how long is long enough."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from stability_ref import recipes
from stability_ref.figures import (
    COLOURS,
    LINE_STYLES,
    legend_below,
    log_windows,
    mark_unstable,
    styled_figure,
)
from stability_ref.schedules import make_schedule, prepend_warmup
from stability_ref.training import Record

ALIKE = 30  # the steps in which the runs that blow up later are still the same on every processor

# From dark to light as in the playbook's Figure 6; what the colour says, line style and marker say as well.
_COLOURS = matplotlib.colormaps["plasma"](np.linspace(0, 0.82, len(recipes.WARMUPS)))
_MARKERS = ("o", "s", "^", "D", "v")


def schedules_figure(steps: int = 200, warmup_steps: int = 100) -> Figure:
    """Every decay of `schedules.DECAYS` with the same warmup before it (playbook S1, S3, S4).

    Args:
        steps: T of the decay itself.
        warmup_steps: W, which come on top.
    """
    options: dict[str, dict[str, Any]] = {
        "constant": {},
        "linear": {"steps": steps},
        "cosine": {"steps": steps},
        "inverse_square_root": {"timescale": steps // 10},
        "piecewise_constant": {"boundaries": [steps // 2, 3 * steps // 4], "factors": [0.3, 0.3]},
        "exponential": {"decay_factor": 0.1, "decay_steps": steps},
    }
    t = np.arange(warmup_steps + steps + 1)
    with styled_figure(9.6, 4.8) as figure:
        panels = figure.subplots(2, 3, sharex=True, sharey=True).flat
        for axes, (name, decay) in zip(panels, options.items(), strict=True):
            rates = prepend_warmup(make_schedule(name, 1.0, **decay), warmup_steps)(t)
            is_ramp = t <= warmup_steps
            axes.plot(t[is_ramp], rates[is_ramp], "--", color=COLOURS[1], label="warmup")
            axes.plot(t[warmup_steps:], rates[warmup_steps:], color=COLOURS[0], label="the schedule, whole")
            axes.set(title=name.replace("_", " "), ylim=(-0.05, 1.1))
            if axes.get_subplotspec().is_last_row():
                axes.set(xlabel="Global step")
            if axes.get_subplotspec().is_first_col():
                axes.set(ylabel="Rate / base rate")
        legend_below(figure, columns=2, panels=figure.axes[:1])
    return figure


def figure_6(record: Record) -> Figure:
    """The analogue of the playbook's Figure 6 from `recipes.figure_6`, first seed.

    Left the training loss, means over windows that grow with the step; right the learning rate. The marker on
    each line stands where its ramp ends, in the first window at the full rate.
    """
    with styled_figure(9.6, 4.2) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        steps, _ = log_windows(record.loss[0, 0])
        for place, warmup in enumerate(recipes.WARMUPS):
            look = _look(place, warmup, steps)
            (line,) = left.plot(*log_windows(record.loss[0, place]), **look)
            trained = bool(recipes.last_loss(record)[0, place] < recipes.TRAINED)
            mark_unstable(line, np.full(len(steps), not trained) & (steps > ALIKE))
            right.plot(steps, record.rate[place, steps - 1], **look)
        left.axhline(recipes.GUESSING, color="0.5", linestyle=":", linewidth=1.2, label="guessing")
        left.set(title="A deep post-norm net requires a long warmup", ylabel="Training loss", ylim=(0, 4))
        right.set(title="Learning rate", ylabel="Learning rate", ylim=(6e-6, 2e-2))
        right.set_yscale("log", nonpositive="mask")  # warmup's first rate is 0
        for axes in (left, right):
            axes.set(xlabel="Global step", xscale="log", xlim=(0.8, 1.25 * recipes.FULL_STEPS))
        legend_below(figure, columns=3, panels=[left])
    return figure


def _look(place: int, warmup: int, steps: np.ndarray) -> dict[str, Any]:
    """Colour, style, label, and a marker in the first window in which the rate is full."""
    return {
        "color": _COLOURS[place],
        "linestyle": LINE_STYLES[place % len(LINE_STYLES)],
        "marker": _MARKERS[place],
        "markersize": 8,
        "markevery": [int(np.searchsorted(steps, warmup + 1))],  # the steps are counted from 1 here
        "label": f"Warmup {warmup}",
    }
