"""The figures of lesson 06: what each fix buys, where Adam helps, and one run with a fix or two."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref.checks import known
from stability_ref.clipping_trials import TRAINED
from stability_ref.diagnosis import SIGNIFICANT_RATIO
from stability_ref.figures import BLOW_UP, COLOURS, legend_below, mark_unstable, styled_figure
from stability_ref.fixes_recipes import (
    ALONE,
    COMPARED,
    FIXES,
    PAIRS,
    SICK,
    SINGLE,
    STEPS,
    VALIDATION,
    Fix,
    together,
)
from stability_ref.fixes_tables import by_name
from stability_ref.fixes_trials import RATES, Outcome
from stability_ref.problems import load_digits
from stability_ref.training import Record

Array = np.ndarray
CHANCE = 0.9  # the error of guessing one of ten digits
_PICTURE = (RATES[0] / 1.5, RATES[-1] * 1.5)  # limits of an axis of rates
_MOMENTUM: dict[str, Any] = {"color": COLOURS[0], "linestyle": "-"}
_ADAM: dict[str, Any] = {"color": COLOURS[1], "linestyle": "--"}
_SEEDS: dict[str, Any] = {"marker": ".", "markersize": 5, "linestyle": "none", "color": "0.25", "zorder": 3}
_CURVES: dict[str, dict[str, Any]] = {
    ALONE: {"color": COLOURS[0], "linestyle": "-", "marker": "o", "label": "Momentum"},
    "warmup": {"color": COLOURS[9], "linestyle": "--", "marker": "s", "label": "Momentum, warmup"},
    "Adam": {"color": COLOURS[1], "linestyle": "-", "marker": "^", "label": "Adam"},
    "warmup + Adam": {"color": COLOURS[2], "linestyle": "--", "marker": "v", "label": "Adam, warmup"},
    "usual start": {"color": "0.3", "linestyle": ":", "marker": "D", "label": "Momentum, inputs rescaled"},
}


def what_each_buys(outcomes: Sequence[Outcome]) -> Figure:
    """The usable learning rates and the best test error of every fix and pair (playbook X1 to X6).

    Args:
        outcomes: of `fixes_trials.sweep_all`, one column a network. Above, a line from the lowest to the
            highest usable rate, medians over the seeds, dots for the highest of each seed, a star at the best
            rate; Adam's rates are its own, so its lines are dashed. Below, the test errors of the seeds at
            that one rate, as dots, with their median. Grey lines say what a lower rate alone reaches.
    """
    named = by_name(outcomes)
    nets = list(dict.fromkeys(one.net for one in outcomes))
    shown = [fix for fix in FIXES if any((net, fix) in named for net in nets)]
    heights = {fix: -place - (fix in PAIRS) for place, fix in enumerate(shown)}  # a gap before the pairs
    with styled_figure(10.8, 12.2) as figure:
        panels = figure.subplots(2, len(nets), sharey=True, squeeze=False)
        for (upper, lower), net in zip(panels.T, nets, strict=True):
            some = {fix: named[net, fix] for fix in shown if (net, fix) in named}
            upper.axvline(np.median(some[ALONE].highest), color="0.5", lw=1.2, label="_lower rate only")
            lower.axvline(np.median(some[ALONE].best_errors), color="0.5", lw=1.2, label="_lower rate only")
            for fix, one in some.items():
                look = _ADAM if FIXES[fix].rule == "adam" else _MOMENTUM
                _rates_of(upper, heights[fix], one, look, fix)
                _errors_of(lower, heights[fix], one, look, fix)
            upper.set(title=net, xscale="log", xlim=_PICTURE, xlabel="Usable rates")
            lower.set(xscale="log", xlim=(0.005, 0.4), xlabel="Test error")
            upper.set_xticks([1e-3, 1e-1])
            lower.set_xticks([0.01, 0.1], ["1 %", "10 %"])
        for axes in panels[:, 0]:
            names = [f"{fix}  {FIXES[fix].clause}" if fix in SINGLE else fix for fix in shown]
            axes.set_yticks(list(heights.values()), names)
            axes.set_ylim(min(heights.values()) - 0.7, 0.7)
        _legend(figure, panels[0, 0])
    return figure


def _rates_of(axes: Axes, height: float, one: Outcome, look: Mapping[str, Any], fix: str) -> None:
    """From the lowest to the highest usable rate; nothing where in most seeds no rate is usable."""
    seeds = one.highest[one.highest > 0]
    axes.plot(seeds, np.full(seeds.shape, height), **_SEEDS, label=f"_seeds of {fix}")
    highest, span = np.median(one.highest), np.median(one.span)
    if highest > 0:
        axes.plot([highest / span, highest], [height, height], **look, lw=3, label=f"_{fix}")
        star = one.rates[one.best]
        axes.plot(
            star, height, "*", color=look["color"], mec="black", ms=11, zorder=4, label=f"_best of {fix}"
        )
    if highest == one.rates[-1]:
        axes.plot(highest, height, ">", color=look["color"], ms=8, clip_on=False, label=f"_beyond, {fix}")


def _errors_of(axes: Axes, height: float, one: Outcome, look: Mapping[str, Any], fix: str) -> None:
    axes.plot(one.best_errors, np.full(len(one.best_errors), height), **_SEEDS, label=f"_seeds of {fix}")
    median = np.median(one.best_errors)
    marker = "D" if look is _MOMENTUM else "^"
    axes.plot(median, height, marker, color=look["color"], ms=7, label=f"_median of {fix}")


def _legend(figure: Figure, axes: Axes) -> None:
    """What the lines and markers mean, below all panels."""
    axes.plot([], [], **_MOMENTUM, lw=3, marker="D", label="Momentum")
    axes.plot([], [], **_ADAM, lw=3, marker="^", label="Adam, whose rates are its own")
    axes.plot([], [], "*", color="0.6", mec="black", ms=11, label="best rate")
    axes.plot([], [], **_SEEDS, label="one seed")
    axes.plot([], [], color="0.5", lw=1.2, label="what a lower rate alone reaches")
    legend_below(figure, 3, [axes])


def momentum_or_adam(outcomes: Sequence[Outcome]) -> Figure:
    """Test error against the rate for both rules, without and with warmup (playbook X3).

    Args:
        outcomes: of `fixes_trials.sweep_all` on COMPARED, one panel a network: medians and ranges over the
            seeds. Where the inputs are out of scale, Momentum on rescaled ones is drawn too.
    """
    named = by_name(outcomes)
    nets = [net for net in COMPARED if any(net == of for of, _ in named)]
    with styled_figure(9.6, 4.8) as figure:
        for axes, net in zip(figure.subplots(1, len(nets), sharey=True, squeeze=False)[0], nets, strict=True):
            for fix, look in _CURVES.items():
                if one := named.get((net, fix)):
                    low, high = one.test.min(axis=0), one.test.max(axis=0)
                    axes.fill_between(one.rates, low, high, color=look["color"], alpha=0.12, linewidth=0)
                    axes.plot(one.rates, np.median(one.test, axis=0), **look)
            axes.set(title=net[0].upper() + net[1:], xscale="log", yscale="log", ylim=(0.008, 1.1))
            axes.set(xlabel="Base learning rate (each rule's own)")
        legend_below(figure, 3, figure.axes)
        figure.axes[0].set_ylabel("Test error")
        figure.axes[0].set_yticks([0.01, 0.1, 1], ["1 %", "10 %", "100 %"])
    return figure


class LiveFix:
    """One run with a fix or a pair of fixes: its loss, and its error on the sweeps of the same network.

    Left, the sweep without a fix in grey, and where it is stored the one with the fixes; a ring is this run.
    Right, the loss; that of the run before stays in grey.

    Args:
        outcomes: of `fixes_trials.sweep_all`, without a fix (X6) among them.
    """

    def __init__(self, outcomes: Sequence[Outcome]):
        self._named = by_name(outcomes)
        with styled_figure(8.4, 3.9) as self.figure:  # fits beside the file browser unscaled
            left, right = self.figure.subplots(1, 2)
            self._draw_sweeps(left)
            self._draw_loss(right)
        self.lines = [
            self._alone,
            self._with_fix,
            self._ring,
            self._cross,
            self._before,
            self._now,
            self._blow_up,
        ]
        self._finished: Any = ([], [])
        self._was_unstable = np.zeros(0, dtype=bool)

    def _draw_sweeps(self, axes: Axes) -> None:
        grey: dict[str, Any] = {"color": "0.7", "marker": "o", "markersize": 4}
        (self._alone,) = axes.plot([], [], **grey, label="without a fix")
        (self._with_fix,) = axes.plot([], [], color=COLOURS[0], marker="o", label="with these fixes")
        ring: dict[str, Any] = {"color": "black", "fillstyle": "none", "markersize": 15, "mew": 2.5}
        (self._ring,) = axes.plot([], [], "o", **ring, label="_this run")
        cross: dict[str, Any] = {"color": COLOURS[2], "markersize": 11, "mew": 2.2}
        (self._cross,) = axes.plot([], [], "x", **cross, label="_this run fails")
        axes.axhline(TRAINED, color="0.5", linestyle=":", lw=1.2, label="trains below this")
        axes.set(title="Test error", xlabel="Base learning rate", ylabel="Test error")
        axes.set(xscale="log", yscale="log", xlim=_PICTURE, ylim=(0.002, 1.5))
        axes.legend(loc="lower left")

    def _draw_loss(self, axes: Axes) -> None:
        (self._before,) = axes.plot([], [], color="0.7", label="the run before")
        (self._now,) = axes.plot([], [], color=COLOURS[0], label="this run")
        cross: dict[str, Any] = {"color": COLOURS[2], "markersize": 12, "mew": 3}
        (self._blow_up,) = axes.plot([], [], "x", **cross, label="not finite")
        axes.set(title="Training loss", xlabel="Global step", ylabel="Training loss")
        axes.set(xscale="log", yscale="log", xlim=(1, STEPS), ylim=(0.003, 1000))
        axes.legend(loc="lower left")

    def choose(self, net: str, first: str, second: str) -> Fix:
        """Show the sweeps of that network, without a fix and with these two; returns the two as one fix.

        Raises:
            ValueError: if there is no such network or fix, or if the two do not go together.
        """
        known("a network", net, SICK)
        fix = together(first, second)
        names = [name for name, each in FIXES.items() if each == fix]
        self._name = names[0] if names else f"{first} + {second}"
        for line, shown in ((self._alone, [ALONE]), (self._with_fix, names)):
            found = [self._named[net, name] for name in shown if (net, name) in self._named]
            line.set_data([], [])
            for one in found:
                line.set_data(one.rates, np.median(_error(one), axis=0))
        return fix

    def begin(self) -> None:
        """Let the last finished run become the grey one."""
        self._before.set_data(*self._finished)
        mark_unstable(self._before, self._was_unstable, BLOW_UP)

    def fill(self, record: Record) -> None:
        """Draw what is recorded so far of a single trial's loss."""
        done = int(record.steps_done[0, 0])
        steps, loss = np.arange(1, done + 1), record.loss[0, 0, :done]
        self._now.set_data(steps, loss)
        broken = steps[~np.isfinite(loss)][:1]
        self._blow_up.set_data(broken, np.full(broken.shape, 500.0))
        mark_unstable(self._now, np.full(done, not loss.max() <= SIGNIFICANT_RATIO * loss[0]), BLOW_UP)

    def finish(self, record: Record) -> str:
        """Draw the whole run and its place on the sweep; returns what came of it, as a sentence."""
        self.fill(record)
        if record.steps_done[0, 0] < record.loss.shape[-1]:
            return "The run was stopped."
        self._finished = self._now.get_data()
        self._was_unstable = np.full(len(self._finished[0]), not self._is_calm(record))
        rate, error = record.rate.max(), record.final_test_error[0, 0]
        trained = bool(error < TRAINED)
        self._ring.set_data([rate], [error])
        self._cross.set_data(*(([], []) if trained else ([rate], [error])))
        mark_unstable(self._ring, np.array([not trained]))
        mark_unstable(self._cross, np.full(0 if trained else 1, True))
        if trained:
            return f"{self._name} at {rate:.3g}: it trains, test error {error:.1%}."
        return f"{self._name} at {rate:.3g}: it does not train."

    def refuse(self, why: str) -> str:
        """Show no run, since these fixes do not apply; returns the sentence that says so."""
        for line in (self._with_fix, self._ring, self._cross, self._now, self._blow_up):
            line.set_data([], [])
        return why

    @staticmethod
    def _is_calm(record: Record) -> bool:
        loss = record.loss[0, 0]
        return bool(loss.max() <= SIGNIFICANT_RATIO * loss[0])


def _error(one: Outcome) -> Array:
    """(S, R) the error on all images that are not trained on."""
    every = len(load_digits().test_labels)
    return (VALIDATION * one.validation + (every - VALIDATION) * one.test) / every
