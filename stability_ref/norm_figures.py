"""The figures of lesson 03b: the final loss against the learning rate for each place of the normalisation."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref.figures import COLOURS, LINE_STYLES, legend_below, mark_unstable, styled_figure
from stability_ref.norm_recipes import (
    PLACEMENTS,
    WITH_WARMUP,
    WITHOUT_NORM,
    optimises_well,
)
from stability_ref.recipes import base_rates
from stability_ref.training import Record

Array = np.ndarray
LOWEST, HIGHEST = 0.05, 20.0  # limits of the loss
TOP = 13.0  # where a loss above it, or one that is not finite, is drawn
INSIDE = ("pre-norm", "x + Norm(f(x))")  # the placements whose norm stands inside the branch

# As in the playbook's Figure 8 post-norm is warm, pre-norm blue; dashes and markers say it without colour.
_COLOURS = {
    "post-norm": (2, 1),
    "pre-norm": (0, 9),
    "x + Norm(f(x))": (4, 7),
    "ReZero": (6, 5),
    "no norm": (8, 3),
}
_MARKERS = {"post-norm": "os", "pre-norm": "^D", "x + Norm(f(x))": "v<", "ReZero": "Pp", "no norm": "hd"}

# From these rates on a curve's digits differ between processors: below them every seed is far from its edge.
_DIGITS_PART = {
    "post-norm": 2**-8,
    "post-norm + warmup": 2**-5,
    "pre-norm": 2**-3,
    "pre-norm + warmup": 2**-2,
    "x + Norm(f(x))": 2**-2,
    "x + Norm(f(x)) + warmup": 2**-2,
    "ReZero": 2**-7,
    "ReZero + warmup": 2**-7,
    "no norm": 0,
    "no norm + warmup": 0,
}

_CROSS: dict[str, Any] = {"color": "black", "marker": "x", "markersize": 10, "linestyle": "none"}
_STAR: dict[str, Any] = {"marker": "*", "markersize": 18, "markeredgecolor": "black", "linestyle": "none"}


def figure_8(records: Mapping[str, Record]) -> Figure:
    """The analogue of the playbook's Figure 8 from `norm_recipes.figure_8`.

    The final loss on the test set, which stands for the validation set, against the base learning rate:
    median and range over the seeds, a cross where most seeds are poorly optimised, a star at each curve's
    best. What leaves the picture, or is not finite, is drawn in a row at the top.
    """
    with styled_figure(8.4, 4.8) as figure:
        axes = figure.subplots()
        _axis_plot(axes, records, PLACEMENTS)
        axes.set(title="Digits, 8 residual blocks, Momentum: where the norm stands")
        axes.set(ylabel="Validation loss after the last step")
        legend_below(figure, columns=3, panels=[axes])
    return figure


def placements_figure(records: Mapping[str, Record]) -> Figure:
    """Beside Figure 8: x + Norm(f(x)) beside pre-norm, and ReZero beside no norm at all.

    Args:
        records: those of `norm_recipes.figure_8` and of `norm_recipes.other_placements` in one mapping.
    """
    names = {"The norm inside the branch": INSIDE, "Without a norm": WITHOUT_NORM}
    with styled_figure(9.6, 4.6) as figure:
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, (title, labels) in zip(panels, names.items(), strict=True):
            _axis_plot(axes, records, labels)
            axes.set(title=title)
        panels[0].set_ylabel("Validation loss after the last step")
        legend_below(figure, columns=3, panels=panels)
    return figure


def _axis_plot(axes: Axes, records: Mapping[str, Record], labels: Iterable[str]) -> None:
    """Each of these placements, without and with warmup."""
    for label in labels:
        looks = zip(("", WITH_WARMUP), _COLOURS[label], _MARKERS[label], LINE_STYLES, strict=False)
        for warmup, colour, marker, style in looks:
            look = {"color": COLOURS[colour], "marker": marker, "linestyle": style}
            _curve(axes, label + warmup, records[label + warmup], look)
    axes.plot([], [], **_CROSS, label="poor optimization")
    axes.plot([], [], **_STAR, color="0.4", label="best learning rate")
    axes.set(xscale="log", yscale="log", ylim=(LOWEST, HIGHEST), xlabel="Base learning rate")


def _curve(axes: Axes, label: str, record: Record, look: Mapping[str, Any]) -> None:
    """Median and range over the seeds, with crosses and a star."""
    rates, losses = base_rates(record), record.test_loss[..., -1]
    losses = np.where(losses < TOP, losses, TOP)  # also what is not finite
    median, good = np.median(losses, axis=0), optimises_well(record)
    poor = good.mean(axis=0) < 0.5
    at_the_edge = rates >= _DIGITS_PART[label]
    low, high = losses.min(axis=0), losses.max(axis=0)
    band = axes.fill_between(rates, low, high, color=look["color"], alpha=0.15, linewidth=0)
    (line,) = axes.plot(rates, median, label=label, **look)
    (crosses,) = axes.plot(rates[poor], median[poor], **_CROSS, label=f"_crosses of {label}")
    for artist in (band, line):
        mark_unstable(artist, at_the_edge)
    mark_unstable(crosses, np.full(poor.sum(), True))
    if not poor.all():
        best = [np.argmin(np.where(poor, np.inf, median))]
        (star,) = axes.plot(
            rates[best], median[best], **_STAR, color=look["color"], label=f"_best of {label}"
        )
        mark_unstable(star, at_the_edge[best])
