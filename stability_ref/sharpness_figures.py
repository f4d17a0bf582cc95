"""The figures of lesson 05: the sharpness, the edge of its rule, and what happens where they meet."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref import sharpness_recipes
from stability_ref.figures import COLOURS, LINE_STYLES, mark_unstable, styled_figure
from stability_ref.sharpness import EDGES, Sharpness
from stability_ref.sharpness_recipes import RAISED_AT, RAISED_STEPS, late_ratio, ratio
from stability_ref.training import Record

Array = np.ndarray
NEAR = 0.9  # of the edge: from here on a run's digits may differ between processors
TITLES = {
    "sgd": "Gradient descent",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "nadam": "NAdam",
}
_GREEK = {"gamma": "γ", "rho": "ρ"}
_EDGE: dict[str, Any] = {"linestyle": (0, (5, 3)), "linewidth": 1.2}
_LIMITS = {"rmsprop": (3.0, 1e4), "adam": (1e3, 3e4), "nadam": (1e3, 3e4)}
_ALIKE = (2.5, 14.0)  # the limits of the rules without a preconditioner
TOP = 100.0  # of loss and sharpness: what is above it has left the picture
_CROSS: dict[str, Any] = {"color": COLOURS[2], "marker": "x", "markersize": 12, "mew": 3, "linestyle": "none"}


def figure_e(measured: Mapping[str, Sharpness]) -> Figure:
    """Figure E from `sharpness_recipes.figure_e`: sharpness against the step, one panel a rule (playbook E).

    A line is the first seed, its shade the range of all seeds, and the dashed line of its colour the edge of
    its rate. Below, the sharpness is the preconditioned one.
    """
    with styled_figure(11.0, 6.6) as figure:
        panels = figure.subplots(2, 3, sharex=True)
        for axes, (rule, one) in zip(panels.flat, measured.items(), strict=True):
            _rise(axes, rule, one)
        for axes in panels[1]:
            axes.set(yscale="log", xlabel="Global step")
        panels[0, 0].set_ylabel("Sharpness")
        panels[1, 0].set_ylabel("Preconditioned sharpness")
    return figure


def _rise(axes: Axes, rule: str, measured: Sharpness) -> None:
    """One panel: each rate's sharpness and its edge."""
    rates, constants = sharpness_recipes.SETTINGS[rule]
    at, values, unstable = measured.at, measured.value, _near_the_edge(ratio(measured))
    for place, rate in enumerate(rates):
        colour = COLOURS[place]
        low, high = values[:, place].min(axis=0), values[:, place].max(axis=0)
        band = axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
        name = f"{'α' if rule in ('adam', 'nadam') else 'η'} = {rate:g}"
        (line,) = axes.plot(at, values[0, place], color=colour, linestyle=LINE_STYLES[place], label=name)
        mark_unstable(band, np.any(unstable[:, place], axis=0))
        mark_unstable(line, unstable[0, place])
        edge = measured.edge[0, place, -1]
        axes.plot(at[[0, -1]], [edge, edge], color=colour, **_EDGE, label=f"_edge of {rate:g}")
    said = ", ".join(f"{_GREEK[name]} = {value:g}" for name, value in constants.items())
    axes.set(title=TITLES[rule] + (f", {said}" if said else ""), ylim=_LIMITS.get(rule, _ALIKE))
    axes.set(xlim=(0, sharpness_recipes.STEPS), xticks=range(0, sharpness_recipes.STEPS, 100))
    axes.legend(loc="lower right" if rule == "rmsprop" else "upper right")


def ratios_figure(measured: Mapping[str, Sharpness]) -> Figure:
    """Late sharpness over edge of every rate and seed of Figure E: dots around the line at 1 (playbook E)."""
    with styled_figure(9.6, 4.0) as figure:
        axes = figure.subplots()
        for place, (rule, one) in enumerate(measured.items()):
            rates = sharpness_recipes.SETTINGS[rule].rates
            for at, (rate, ratios) in enumerate(zip(rates, late_ratio(one).T, strict=True)):
                offset = 0.3 * (at - (len(rates) - 1) / 2)
                _dots(axes, place + offset, ratios, f"{TITLES[rule]}, {rate:g}", at)
        axes.axhline(1, color="0.3", **_EDGE, label="the edge")
        axes.set_xticks(range(len(measured)), [TITLES[rule].replace(" ", "\n") for rule in measured])
        axes.set(ylim=(0.8, 1.2), ylabel="Late sharpness / edge")
        axes.set(title="Each dot a seed: the median over the last quarter of its run")
    return figure


def _dots(axes: Axes, place: float, ratios: Array, label: str, look: int = 0) -> None:
    """The seeds of one setting side by side, so that none hides another."""
    across = place + 0.1 * np.linspace(-1, 1, len(ratios))
    marker, colour = "os^"[look], COLOURS[look]
    (dots,) = axes.plot(across, ratios, marker, color=colour, label=f"_{label}")
    mark_unstable(dots, np.full(len(ratios), True))


def warmup_figure(measured: Mapping[int, Sharpness]) -> Figure:
    """A warmup that is too short beside one that is long enough, first seed (playbook E).

    Args:
        measured: of `sharpness_recipes.why_warmup_works`. Above the loss; below the sharpness and the edge,
            which falls as the rate rises. What leaves the picture gets a cross at the top.
    """
    with styled_figure(9.6, 6.0) as figure:
        panels = figure.subplots(2, len(measured), sharex="col", sharey="row")
        for (above, below), (steps, one) in zip(panels.T, measured.items(), strict=True):
            loss = one.record.loss[0, 0]
            everything = np.arange(len(loss))
            crossed = _near_the_edge(ratio(one)[0, 0])
            _until_the_top(above, everything, loss, everything >= _first(one.at, crossed))
            _until_the_top(below, one.at, one.value[0, 0], crossed)
            below.plot(one.at, one.edge[0, 0], color="0.3", **_EDGE, label="edge 2/η")
            for axes in (above, below):
                axes.axvline(steps, color="0.5", linewidth=1, linestyle=":", label="warmup ends")
                axes.set(yscale="log", xlim=(0, len(loss)))
            above.set(title=f"{steps} steps of warmup", ylim=(0.02, TOP))
            below.set(xlabel="Global step", ylim=(1.5, TOP))
        panels[0, 0].set_ylabel("Training loss")
        panels[1, 0].set_ylabel("Sharpness")
        panels[1, -1].legend(loc="upper right")
    return figure


def _until_the_top(axes: Axes, x: Array, y: Array, unstable: Array) -> None:
    """A line up to where it leaves the picture, and a cross there."""
    end, gone = _gone(y)
    (line,) = axes.plot(x[:end], y[:end], color=COLOURS[0], label="this run")
    mark_unstable(line, unstable[:end], TOP)
    axes.plot(x[gone], np.full(gone.shape, 0.7 * TOP), **_CROSS, label="_leaves the picture")


def _gone(y: Array) -> tuple[int, Array]:
    """How many points to draw, the first one above the top included, and the places of that one, if any."""
    gone = np.flatnonzero(~(y <= TOP))[:1]
    return (int(gone[0]) + 1 if gone.size else len(y)), gone


def below_the_edge(batches: Mapping[int, Sharpness], momentum: Sharpness) -> Figure:
    """Where the sharpness stays below its edge: small batches, and strong momentum (playbook E).

    Args:
        batches: of `sharpness_recipes.minibatches`; left, late sharpness over edge against the batch size.
        momentum: of `sharpness_recipes.large_momentum`; right, the same against the rate, for γ = 0.9.
    """
    with styled_figure(9.6, 3.8) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for place, one in enumerate(batches.values()):
            _dots(left, place, late_ratio(one)[:, 0], f"batch {list(batches)[place]}")
        rates = momentum.record.rate[:, 0]
        for place, ratios in enumerate(late_ratio(momentum).T):
            _dots(right, place, ratios, f"rate {rates[place]:g}")
        left.set_xticks(range(len(batches)), [str(size) for size in batches])
        right.set_xticks(range(len(rates)), [f"{rate:g}" for rate in momentum.record.rate[:, 0]])
        left.set(title="Gradient descent on batches", xlabel="Batch size, of 200 images")
        left.set(ylabel="Late sharpness / edge", ylim=(0, 1.25))
        right.set(title="Momentum, γ = 0.9, all 200 images", xlabel="Learning rate")
        for axes in (left, right):
            axes.axhline(1, color="0.3", **_EDGE, label="the edge")
        left.legend(loc="lower right")
    return figure


class LiveCatapult:
    """Gradient descent whose rate is raised in mid run: loss above, sharpness and edge below (playbook E).

    The loss is drawn while the run goes on, the sharpness when it is done. The run before stays in grey.
    """

    def __init__(self) -> None:
        with styled_figure(8.4, 5.2) as self.figure:  # fits beside the file browser unscaled
            above, below = self.figure.subplots(2, 1, sharex=True)
            self._before, self._now = (
                [axes.plot([], [], color=colour, label=label)[0] for axes in (above, below)]
                for colour, label in (("0.7", "the run before"), (COLOURS[0], "this run"))
            )
            (self._edge,) = below.plot([], [], color="0.3", **_EDGE, label="edge 2/η")
            self._crosses = [axes.plot([], [], **_CROSS, label="diverged")[0] for axes in (above, below)]
            above.set(title="A rate that is raised in mid run", ylabel="Training loss", ylim=(0.01, TOP))
            below.set(ylabel="Sharpness", xlabel="Global step", ylim=(1, TOP))
            for axes in (above, below):
                axes.axvline(RAISED_AT, color="0.5", linewidth=1, linestyle=":", label="the rate is raised")
                axes.set(yscale="log", xlim=(0, RAISED_STEPS))
            above.legend(loc="upper left")
            below.legend(handles=[self._edge], loc="upper left")
        self.lines = [*self._before, *self._now, self._edge, *self._crosses]
        nothing = np.zeros(0)
        self._drawn = [(nothing, nothing, nothing), (nothing, nothing, nothing)]
        self._finished = self._drawn.copy()

    def begin(self) -> None:
        """Let the last finished run become the grey one."""
        for line, (x, y, unstable) in zip(self._before, self._finished, strict=True):
            line.set_data(x, y)
            mark_unstable(line, unstable, TOP)

    def fill(self, record: Record) -> None:
        """Draw the loss of what is recorded so far of a single trial, and the edge of the whole run."""
        done = int(record.steps_done[0, 0])
        steps = np.arange(record.rate.shape[-1])
        self._edge.set_data(steps, EDGES["sgd"](record.rate[0]))
        self._draw(0, steps[:done], record.loss[0, 0, :done], np.full(done, True))
        self._draw(1, steps[:0], steps[:0], np.full(0, True))

    def finish(self, measured: Sharpness) -> str:
        """Draw the whole run; returns what came of it, in sentences."""
        record = measured.record
        self.fill(record)
        if record.steps_done[0, 0] < record.loss.shape[-1]:
            return "The run was stopped."
        crossed = _near_the_edge(ratio(measured)[0, 0])
        steps = np.arange(record.loss.shape[-1])
        self._draw(0, steps, record.loss[0, 0], steps >= _first(measured.at, crossed))
        self._draw(1, measured.at, measured.value[0, 0], crossed)
        self._finished = self._drawn.copy()
        return self._sentence(measured)

    def _draw(self, panel: int, x: Array, y: Array, unstable: Array) -> None:
        end, gone = _gone(y)
        self._drawn[panel] = x[:end], y[:end], unstable[:end]
        self._now[panel].set_data(x[:end], y[:end])
        mark_unstable(self._now[panel], unstable[:end], TOP)
        self._crosses[panel].set_data(x[gone], np.full(gone.shape, 0.7 * TOP))

    def _sentence(self, measured: Sharpness) -> str:
        rate = measured.record.rate[0]
        seen = sharpness_recipes.catapult(measured)
        name = f"Rate {rate[0]:.3g}, from step {RAISED_AT} on {rate[-1]:.3g}: the sharpness there is"
        name += f" {seen.before[0]:.2g} times the new edge"
        if not np.isfinite(seen.end[0]):
            return f"{name}, and the run diverges."
        return (
            f"{name}; afterwards the loss rises to {seen.jump[0]:.2g} times what it was and ends "
            f"at {seen.end[0]:.2g} times, and the sharpness falls to {seen.lowest[0]:.2g} times the new edge."
        )


def _near_the_edge(ratios: Array) -> Array:
    """Whether this point of a run or an earlier one was near the edge, or over it, or not finite."""
    return np.logical_or.accumulate(~(ratios < NEAR), axis=-1)


def _first(at: Array, crossed: Array) -> float:
    """The step of the first point that is marked; inf if none is."""
    return float(at[np.argmax(crossed)]) if crossed.any() else float("inf")
