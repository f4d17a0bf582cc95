"""Every figure of the course, drawn from hand-made data, to be compared with its stored picture and facts.

In the pictures there is no text, since its pixels differ between machines, and the panels stand on a fixed
grid; legends, and whatever else is text, are judged by the facts.
"""

import difflib
from pathlib import Path

import numpy as np
import records
from matplotlib.legend import Legend
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter

from stability_ref import (
    batch_figures,
    clipping_figures,
    diagnosis_figures,
    edge_figures,
    figures,
    fixes_figures,
    norm_figures,
    rule_figures,
    sharpness_figures,
    start_figures,
    warmup_figures,
)
from stability_ref.fixes_recipes import ALONE, SICK
from stability_ref.problems import Quadratic, Rosenbrock
from stability_ref.schedules import constant
from stability_ref.training import trace
from stability_ref.updates import RULES

BASELINES = Path(__file__).parent / "baselines"
# RMS of grey levels. Equal pictures have 0; curves that are a millionth too high at most 0.01, a thousandth
# 0.3 or more; a missing cross has 4, and the smallest of the planted faults that show at all 2.
TOLERANCE = 0.1
PANEL = (4.0, 3.0)  # inches
DOTS = 50  # an inch
BOWL = Quadratic([1.0, 25.0], start=[-1.8, 1.0])
CORNERS = (-2.2, 2.2, -1.4, 1.4)


def paths():
    traces = {name: trace(BOWL, name, constant(0.02), 30) for name in RULES}
    return rule_figures.paths(BOWL, traces, CORNERS, "A bowl")


def curves():
    x = np.geomspace(0.01, 100, 30)
    return rule_figures.curves({"up": (x, x), "down": (x, 1 / x), "flat": (x, x**0.1)}, "Curves", "x", "y")


def live_path():
    live = rule_figures.LivePath(Rosenbrock(), (-2.0, 2.0, -1.0, 3.0))
    live.fill(trace(Rosenbrock(), "adam", constant(0.05), 200), 60)
    return live.figure


def live_run():
    live = figures.LiveRun(steps=400)
    live.finish(records.one_run(0.01))
    live.begin()
    live.finish(records.one_run(1.5))
    return live.figure


def live_rescue():
    live = start_figures.LiveRescue()
    live.finish(records.one_run(0.01))
    live.begin()
    live.finish(records.one_run(1.5))
    return live.figure


def live_edge():
    live, sweep = edge_figures.LiveEdge(records.figure_7a()), records.figure_7a()
    live.finish(records.single(sweep, 4))
    live.begin()
    live.finish(records.single(sweep, 8))
    return live.figure


def live_log():
    live = diagnosis_figures.LiveLog(steps=200, low=1e-2, high=100)
    live.fill(*records.seen_log())
    return live.figure


def live_threshold():
    live = clipping_figures.LiveThreshold(records.figure_9()["better threshold"])
    for percentile in (50, 90):
        live.begin()
        live.set_percentile(percentile)
        live.finish(records.figure_9()["threshold too aggressive"])
    return live.figure


def live_batch():
    live = batch_figures.LiveBatch(records.batch_sweep())
    for batch_size, rate, falls_to in ((32, 0.5, 0.02), (2, 1 / 16, 0.5), (64, 1.0, 0.03)):
        live.begin(batch_size)
        live.finish(records.one_batch_run(batch_size, rate, falls_to))
    return live.figure


def live_fix():
    live = fixes_figures.LiveFix(records.fixes())
    for pair, run in (
        (("clipping", ALONE), records.fixed_run(1 / 64, 0.05)),
        (("warmup", "Adam"), records.fixed_run(1 / 32, 0.5, spike=40)),
    ):
        live.begin()
        live.choose("no norm", *pair)
        live.finish(run)
    return live.figure


def what_each_buys():
    return fixes_figures.what_each_buys([one for one in records.fixes() if one.net in SICK])


def live_catapult():
    live = sharpness_figures.LiveCatapult()
    for factor in (2.0, 3.0):
        live.begin()
        live.finish(records.raised(factor))
    return live.figure


PICTURES = {
    "figures.figure_4": lambda: figures.figure_4(records.figure_4()),
    "figures.figure_5": lambda: figures.figure_5(records.figure_5()),
    "figures.LiveRun": live_run,
    "start_figures.LiveRescue": live_rescue,
    "warmup_figures.schedules_figure": warmup_figures.schedules_figure,
    "warmup_figures.figure_6": lambda: warmup_figures.figure_6(records.figure_6()),
    "norm_figures.figure_8": lambda: norm_figures.figure_8(records.placements()),
    "norm_figures.placements_figure": lambda: norm_figures.placements_figure(records.placements()),
    "clipping_figures.figure_9": lambda: clipping_figures.figure_9(records.figure_9()),
    "clipping_figures.effective_rates": lambda: clipping_figures.effective_rates(records.figure_9()),
    "clipping_figures.spikes": lambda: clipping_figures.spikes(records.spikes()),
    "clipping_figures.LiveThreshold": live_threshold,
    "batch_figures.validation_error": lambda: batch_figures.validation_error(records.batch_sweep()),
    "batch_figures.steps_to_target": lambda: batch_figures.steps_to_target(records.batch_sweep()),
    "batch_figures.regularisation": lambda: batch_figures.regularisation(records.penalised()),
    "batch_figures.LiveBatch": live_batch,
    "fixes_figures.what_each_buys": what_each_buys,
    "fixes_figures.momentum_or_adam": lambda: fixes_figures.momentum_or_adam(records.fixes()),
    "fixes_figures.LiveFix": live_fix,
    "edge_figures.figure_7a": lambda: edge_figures.figure_7a(records.figure_7a()),
    "edge_figures.figure_7b": lambda: edge_figures.figure_7b(records.figure_7b()),
    "edge_figures.curves_above": lambda: edge_figures.curves_above(
        records.figure_7a(), [1 / 16, 1 / 8, 1 / 4, 1 / 2], window=60
    ),
    "edge_figures.gradient_norms": lambda: edge_figures.gradient_norms(records.figure_7b()),
    "edge_figures.seen_and_unseen": lambda: edge_figures.seen_and_unseen(records.checks(), [1, 4], 50),
    "edge_figures.LiveEdge": live_edge,
    "sharpness_figures.figure_e": lambda: sharpness_figures.figure_e(records.hovering()),
    "sharpness_figures.ratios_figure": lambda: sharpness_figures.ratios_figure(records.hovering()),
    "sharpness_figures.warmup_figure": lambda: sharpness_figures.warmup_figure(records.warming_up()),
    "sharpness_figures.below_the_edge": lambda: sharpness_figures.below_the_edge(*records.below()),
    "sharpness_figures.LiveCatapult": live_catapult,
    "rule_figures.paths": paths,
    "rule_figures.limits": lambda: rule_figures.limits([0.0, 0.5, 0.9]),
    "rule_figures.curves": curves,
    "rule_figures.LivePath": live_path,
    "diagnosis_figures.report_figure": lambda: diagnosis_figures.report_figure(records.report()),
    "diagnosis_figures.search_figure": lambda: diagnosis_figures.search_figure([records.search()]),
    "diagnosis_figures.LiveLog": live_log,
}


def line_facts(text, label):
    """What the facts say of the one line of that name."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(repr(label))]
    return line


def save_without_text(figure, path):
    """Panels on a grid, in the order in which they were made; axes that share a place go on sharing it."""
    figure.set_layout_engine("none")
    places = [axes.get_subplotspec() or axes.get_position().bounds for axes in figure.axes]
    different = list(dict.fromkeys(places))
    columns = int(np.ceil(np.sqrt(len(different))))
    rows = -(-len(different) // columns)
    figure.set_size_inches(PANEL[0] * columns, PANEL[1] * rows)
    for axes, place in zip(figure.axes, places, strict=True):
        row, column = divmod(different.index(place), columns)
        axes.set_position(((column + 0.05) / columns, 1 - (row + 0.95) / rows, 0.9 / columns, 0.9 / rows))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(NullFormatter())
            axis.set_minor_formatter(NullFormatter())
    for legend in figure.findobj(Legend):
        legend.set_visible(False)
    for text in figure.findobj(Text):
        text.set_text("")
    figure.savefig(path, dpi=DOTS, metadata={"Software": None})


def draw(name, folder):
    """One of PICTURES as the two files that are stored of it."""
    figure = PICTURES[name]()
    picture, facts = folder / f"{name}.png", folder / f"{name}.txt"
    facts.write_text(figures.facts(figure) + "\n", encoding="utf-8", newline="\n")
    save_without_text(figure, picture)
    return picture, facts


def differences(picture, facts):
    """What is not as stored, in words: of the picture, of the facts."""
    found = []
    if message := compare_images(str(BASELINES / picture.name), str(picture), TOLERANCE):
        found.append(message)
    stored = (BASELINES / facts.name).read_text(encoding="utf-8").splitlines()
    drawn = facts.read_text(encoding="utf-8").splitlines()
    return found + list(difflib.unified_diff(stored, drawn, facts.name, "as drawn now", lineterm="", n=0))
