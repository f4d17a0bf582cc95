"""Faults that the tests must notice: those of figures and of notebooks, in code that draws or computes."""

import dataclasses
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = "stability_ref/figures.py"
EDGE = "stability_ref/edge_figures.py"
WARMUP = "stability_ref/warmup_figures.py"
NORM = "stability_ref/norm_figures.py"
CLIPPING = "stability_ref/clipping_figures.py"
BATCH = "stability_ref/batch_figures.py"
FIXES = "stability_ref/fixes_figures.py"
RULES = "stability_ref/rule_figures.py"
START = "stability_ref/start_figures.py"
STYLE = "stability_ref/figure_style.py"
DIAGNOSIS = "stability_ref/diagnosis_figures.py"
SHARPNESS = "stability_ref/sharpness_figures.py"
SHARPNESS_RUNS = "stability_ref/sharpness_recipes.py"
BASELINES = "tests/test_baseline_pictures.py"


@dataclasses.dataclass(frozen=True)
class Fault:
    """One wrong line, and what must notice it.

    Args:
        file: the file that is wrong, under the root of the repository.
        old: what stands there, exactly once.
        new: what stands there instead.
        tests: the test files that must fail, all together in at least one test.
        lesson: the notebook whose committed outputs must differ; None if no output shows the fault.
        picture: the figure of `pictures.PICTURES` that must differ, if the fault is one of drawing.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    lesson: str | None
    picture: str | None = None


def drawing(file, picture, old, new, lesson, *tests):
    """A fault in code that draws."""
    module = Path(file).stem
    return Fault(file, old, new, (BASELINES, *tests), lesson, f"{module}.{picture}")


def computing(file, old, new, lesson, *tests):
    """A fault in code that computes what is drawn: the pictures of hand-made data know nothing of it."""
    return Fault(file, old, new, tests, lesson)


FAULTS = {
    # Code that draws: lesson 03
    "curve of another rate": drawing(
        FIGURES,
        "figure_4",
        "curves = {label: record.loss[0, place] for",
        "curves = {label: record.loss[0, place - 1] for",
        "03_warmup",
    ),
    "first seed instead of the median": drawing(
        FIGURES, "figure_4", "median = np.median(errors, axis=0)", "median = errors[0]", "03_warmup"
    ),
    "linear instead of log axis": drawing(
        FIGURES, "figure_4", 'xscale="log", ylim=(0, top))', 'xscale="linear", ylim=(0, top))', "03_warmup"
    ),
    "missing crosses": drawing(
        FIGURES,
        "figure_4",
        "crossed = unstable.mean(axis=0) > 0.5",
        "crossed = unstable.mean(axis=0) > 1",
        "03_warmup",
    ),
    "star at the first seed's best rate": drawing(
        FIGURES, "figure_4", "best = int(np.argmin(median))", "best = int(np.argmin(errors[0]))", "03_warmup"
    ),
    "swapped colours": drawing(
        FIGURES,
        "figure_4",
        '"sick twin": {"color": COLOURS[1], "linestyle": "--", "marker": "s"},\n'
        '    "sick twin + warmup": {"color": COLOURS[2],',
        '"sick twin": {"color": COLOURS[2], "linestyle": "--", "marker": "s"},\n'
        '    "sick twin + warmup": {"color": COLOURS[1],',
        "03_warmup",
    ),
    "legend naming the wrong curves": drawing(
        FIGURES,
        "figure_4",
        '        legend_below(figure, columns=3, panels=[axes["sweep"]])',
        '        figure.legend(list(records)[::-1], loc="outside lower center")',
        "03_warmup",
    ),
    "labels of the wrong curves": drawing(
        FIGURES,
        "figure_4",
        "(line,) = axes.plot(steps, mean, label=label, **look)",
        "(line,) = axes.plot(steps, mean, label=list(curves)[-1 - list(curves).index(label)], **look)",
        "03_warmup",
    ),
    "limits above the data: an empty picture": drawing(
        FIGURES, "figure_5", "ylim=(0, 50))", "ylim=(500, 550))", "03_warmup"
    ),
    "no line at all: empty axes": drawing(
        FIGURES,
        "figure_5",
        "            mark_unstable(line, np.full(len(steps), unstable), BLOW_UP)\n        left",
        "            line.set_data([], [])\n        left",
        "03_warmup",
    ),
    "windows shifted by one": drawing(
        FIGURES,
        "figure_4",
        "return edges[:-1], np.array(means)",
        "return edges[1:], np.array(means)",
        "03_warmup",
    ),
    "a band in front of its curve": drawing(
        FIGURES, "figure_4", 'color=look["color"], alpha=0.15', 'color=look["color"], zorder=9', "03_warmup"
    ),
    "the slider's run before drawn as this run": drawing(
        FIGURES,
        "LiveRun",
        'axes.plot([], [], color=COLOURS[0], label="this run")[0] for axes in (loss, rate)]',
        'axes.plot([], [], color="0.7", label="this run")[0] for axes in (loss, rate)]',
        "03_warmup",
    ),
    # Lesson 00
    "a lost run cut off at the top": drawing(
        START, "LiveRescue", "ylim=(1e-3, 1e6)", "ylim=(1e-3, 1)", "00_start_here", "tests/test_start_here.py"
    ),
    "a rescue at a rate that needs none": computing(
        "stability_ref/recipes.py",
        "RESCUE_RATE = RATES[LARGE + 1]",
        "RESCUE_RATE = RATES[LARGE - 1]",
        "00_start_here",
        "tests/test_start_here.py",
    ),
    # Lesson 02
    "another quantity": drawing(
        EDGE,
        "gradient_norms",
        "norms = record.gradient_norm[0, k]",
        "norms = record.loss[0, k]",
        "02_find_the_edge",
    ),
    "x range cut short": drawing(
        EDGE,
        "gradient_norms",
        'yscale="log", xlim=(-40, 840)',
        'yscale="log", xlim=(-40, 440)',
        "02_find_the_edge",
    ),
    "NaN left out": drawing(
        EDGE,
        "figure_7a",
        '"Infeasible trials": (~feasible, _INFEASIBLE)',
        '"Infeasible trials": (~feasible & np.isfinite(results), _INFEASIBLE)',
        "02_find_the_edge",
    ),
    "star at the lowest rate": drawing(
        EDGE,
        "figure_7a",
        '"Best trial": (rates == best, _BEST)',
        '"Best trial": (rates == rates.min(), _BEST)',
        "02_find_the_edge",
    ),
    "x shifted by a window": drawing(
        EDGE,
        "figure_7b",
        "steps = np.arange(len(loss)) * WINDOW",
        "steps = np.arange(1, len(loss) + 1) * WINDOW",
        "02_find_the_edge",
    ),
    "cross at the last step, not the first": drawing(
        EDGE,
        "curves_above",
        "broken = steps[~(loss <= top)][:1]",
        "broken = steps[~(loss <= top)][-1:]",
        "02_find_the_edge",
    ),
    "NaN drawn as 0": drawing(
        EDGE,
        "curves_above",
        "(line,) = axes.plot(steps, loss, label=f",
        "(line,) = axes.plot(steps, np.nan_to_num(loss), label=f",
        "02_find_the_edge",
    ),
    "digits of an unstable curve published": drawing(
        EDGE,
        "figure_7b",
        "mark_unstable(line, steps >= recipes.CALM)",
        "mark_unstable(line, steps > steps[-1])",
        "02_find_the_edge",
    ),
    "evaluations between the evaluated steps": drawing(
        EDGE,
        "seen_and_unseen",
        "axes.plot(steps[::every], loss[::every]",
        "axes.plot(steps[::every], loss[every // 2 :: every]",
        "02_find_the_edge",
    ),
    # Lesson 03b
    "learning rate of another warmup": drawing(
        WARMUP,
        "figure_6",
        "right.plot(steps, record.rate[place, steps - 1]",
        "right.plot(steps, record.rate[0, steps - 1]",
        "03b_norm_placement",
    ),
    "steps on a linear axis": drawing(
        WARMUP,
        "figure_6",
        'xlabel="Global step", xscale="log", xlim=(0.8',
        'xlabel="Global step", xlim=(0.8',
        "03b_norm_placement",
    ),
    "the curve without warmup under the name of the one with it": drawing(
        NORM,
        "figure_8",
        "_curve(axes, label + warmup, records[label + warmup], look)",
        "_curve(axes, label + warmup, records[label], look)",
        "03b_norm_placement",
    ),
    "crosses where optimization is good": drawing(
        NORM,
        "figure_8",
        "poor = good.mean(axis=0) < 0.5",
        "poor = good.mean(axis=0) > 0.5",
        "03b_norm_placement",
    ),
    # Lesson 04
    "the norm on a linear axis": drawing(
        CLIPPING,
        "figure_9",
        'ylabel="Gradient L2 norm", yscale="log", ylim',
        'ylabel="Gradient L2 norm", ylim',
        "04_gradient_clipping",
    ),
    "thresholds swapped in the histogram": drawing(
        CLIPPING,
        "figure_9",
        "right.axvline(threshold, **look)",
        "right.axvline(1.5 / threshold, **look)",
        "04_gradient_clipping",
    ),
    "the rate before clipping for the one after": drawing(
        CLIPPING,
        "effective_rates",
        "rate = clipping_recipes.effective_rate(record, threshold)[0, 0]",
        "rate = np.broadcast_to(record.rate[0], record.loss[0, 0].shape)",
        "04_gradient_clipping",
    ),
    "the slider's line at the percentile, not at the threshold": drawing(
        CLIPPING,
        "LiveThreshold",
        "self._up.set_data([threshold, threshold], [0, self._top])",
        "self._up.set_data([percentile, percentile], [0, self._top])",
        "04_gradient_clipping",
    ),
    # Lesson 07
    "the untuned errors under the name of the tuned": drawing(
        BATCH,
        "validation_error",
        'rate tuned for each", _at_tuned(sweep.equal_epochs), _TUNED)',
        'rate tuned for each", fixed_error(sweep), _TUNED)',
        "07_batch_size",
    ),
    "perfect scaling from the first seed": drawing(
        BATCH,
        "steps_to_target",
        "batch_recipes.perfect_scaling(np.median(steps[:, 0]))",
        "batch_recipes.perfect_scaling(steps[0, 0])",
        "07_batch_size",
    ),
    "runs that never arrive left out": drawing(
        BATCH,
        "steps_to_target",
        "never = np.full(np.sum(~arrives), _NEVER)",
        "never = np.full(np.sum(~arrives), np.nan)",
        "07_batch_size",
    ),
    "penalties one place to the left": drawing(
        BATCH,
        "regularisation",
        "np.array([_NO_PENALTY, *PENALTIES[1:]]), medians",
        "np.array([_NO_PENALTY, *PENALTIES[1:]]) / 2, medians",
        "07_batch_size",
    ),
    "the slider's dot at another batch size": drawing(
        BATCH,
        "LiveBatch",
        "(([size], [steps]) if arrives else ([], []))",
        "(([2 * size], [steps]) if arrives else ([], []))",
        "07_batch_size",
    ),
    # Lesson 06
    "one seed's range of usable rates for the median's": drawing(
        FIXES,
        "what_each_buys",
        "highest, span = np.median(one.highest), np.median(one.span)",
        "highest, span = one.highest[2], one.span[2]",
        "06_other_fixes",
    ),
    "the error at the highest rate, not at the best": drawing(
        FIXES,
        "what_each_buys",
        "median = np.median(one.best_errors)",
        "median = np.median(one.test[:, -1])",
        "06_other_fixes",
    ),
    "Adam's curve under the name of Momentum": drawing(
        FIXES,
        "momentum_or_adam",
        "if one := named.get((net, fix)):",
        'if one := named.get((net, fix if fix != ALONE else "Adam")):',
        "06_other_fixes",
    ),
    "the slider's sweep of the fix drawn as that without": drawing(
        FIXES,
        "LiveFix",
        "((self._alone, [ALONE]), (self._with_fix, names))",
        "((self._alone, names), (self._with_fix, [ALONE]))",
        "06_other_fixes",
    ),
    # Lesson 05
    "an edge of another rate": drawing(
        SHARPNESS,
        "figure_e",
        "edge = measured.edge[0, place, -1]",
        "edge = measured.edge[0, 0, -1]",
        "05_edge_of_stability",
    ),
    "ratios of one seed for all": drawing(
        SHARPNESS,
        "ratios_figure",
        "offset = 0.3 * (at - (len(rates) - 1) / 2)",
        "offset = 0.0",
        "05_edge_of_stability",
    ),
    "the edge of the full rate for that of the ramp": drawing(
        SHARPNESS,
        "warmup_figure",
        "below.plot(one.at, one.edge[0, 0],",
        "below.plot(one.at, one.edge[0, 0] * 0 + one.edge[0, 0, -1],",
        "05_edge_of_stability",
    ),
    "batch sizes in another order": drawing(
        SHARPNESS,
        "below_the_edge",
        "left.set_xticks(range(len(batches)), [str(size) for size in batches])",
        "left.set_xticks(range(len(batches)), [str(size) for size in reversed(batches)])",
        "05_edge_of_stability",
    ),
    "the slider's edge at the first rate all along": drawing(
        SHARPNESS,
        "LiveCatapult",
        'self._edge.set_data(steps, EDGES["sgd"](record.rate[0]))',
        'self._edge.set_data(steps, EDGES["sgd"](record.rate[0] * 0 + record.rate[0, 0]))',
        "05_edge_of_stability",
    ),
    "the early sharpness for the late one": computing(
        SHARPNESS_RUNS,
        "ratio(measured)[..., -points:]",
        "ratio(measured)[..., :points]",
        "05_edge_of_stability",
        "tests/test_sharpness_recipes.py",
    ),
    "a rate that is not raised": computing(
        SHARPNESS_RUNS,
        "< RAISED_AT, rate, factor * rate)",
        "< RAISED_AT, rate, rate)",
        "05_edge_of_stability",
        "tests/test_sharpness_recipes.py",
    ),
    # Lessons 01 and 08, and the sliders
    "x and y swapped": drawing(
        RULES, "paths", "x, y = trace.theta.T", "y, x = trace.theta.T", "01_update_rules"
    ),
    "edge lines of another rule": drawing(
        RULES, "limits", "EDGES[name](1.0, **constants), color", 'EDGES["sgd"](1.0), color', "01_update_rules"
    ),
    "threshold drawn at the highest norm": drawing(
        DIAGNOSIS,
        "report_figure",
        "axes.axhline(min(norms.threshold, MOST_DRAWN)",
        "axes.axhline(min(norm.max(), MOST_DRAWN)",
        "08_your_own_run",
    ),
    "stale picture under the slider": Fault(
        "stability_ref/widgets.py",
        "self._canvas.restore_region(self._background)",
        "pass",
        ("tests/test_widgets.py",),
        None,
    ),
    # Code that computes
    "a pair that forgets to clip": computing(
        "stability_ref/fixes_recipes.py",
        "        one.clip or other.clip,\n",
        "        one.clip and other.clip,\n",
        None,
        "tests/test_fixes_trials.py",
    ),
    "a rate chosen at which one seed breaks": computing(
        "stability_ref/fixes_trials.py",
        "return int(self.validation.mean(axis=0).argmin())",
        "return int(np.median(self.validation, axis=0).argmin())",
        None,
        "tests/test_fixes_trials.py",
    ),
    "no momentum": computing(
        "stability_ref/updates.py",
        "    (v,) = state\n    v = gamma * v + g\n    theta = theta - eta * v\n",
        "    (v,) = state\n    v = g\n    theta = theta - eta * v\n",
        "03_warmup",
        "tests/test_recipes.py",
    ),
    "warmup one step ahead": computing(
        "stability_ref/schedules.py",
        "ramp = start * (t / np.maximum(W, 1))",
        "ramp = start * ((t + 1) / np.maximum(W, 1))",
        "03_warmup",
        "tests/test_schedules.py",
        "tests/test_recipes.py",
    ),
    "a larger epsilon in LayerNorm": computing(
        "stability_ref/layers.py",
        "1 / np.sqrt(self._mean(centred**2) + 1e-5)",
        "1 / np.sqrt(self._mean(centred**2) + 1e-1)",
        "03_warmup",
        "tests/test_problems.py",
    ),
    "every seed the first": computing(
        "stability_ref/training.py",
        "order = [problem.batches(seed, steps) for seed in seeds]",
        "seeds = [seeds[0]] * len(seeds)\n    order = [problem.batches(seed, steps) for seed in seeds]",
        "03_warmup",
        "tests/test_training.py",
    ),
    "tested on the training set": computing(
        "stability_ref/problems.py",
        "self._test_images = digits.test_images.astype(self.dtype)\n"
        "        self._test_targets = _one_hot(digits.test_labels, self.dtype)",
        "self._test_images = digits.train_images.astype(self.dtype)\n"
        "        self._test_targets = _one_hot(digits.train_labels, self.dtype)",
        "02_find_the_edge",
        "tests/test_problems.py",
    ),
    "evaluated one step late": computing(
        "stability_ref/training.py",
        "            if t in evaluations:\n"
        "                _evaluate(problem, theta, record, (*place, evaluations[t]))\n"
        "            loss, g",
        "            if t - 1 in evaluations:\n"
        "                _evaluate(problem, theta, record, (*place, evaluations[t - 1]))\n"
        "            loss, g",
        "03_warmup",
        "tests/test_training.py",
    ),
    "clipping what is short": computing(
        "stability_ref/clipping.py",
        "exceeds = (norm > threshold) & (norm < math.inf)",
        "exceeds = (norm < threshold) & (norm < math.inf)",
        "04_gradient_clipping",
        "tests/test_clipping.py",
    ),
    "an L2 term on the biases too": computing(
        "stability_ref/problems.py",
        "np.full(math.prod(shape), shape[0] > 1)",
        "np.full(math.prod(shape), shape[0] > 0)",
        "07_batch_size",
        "tests/test_problems.py",
        "tests/test_batch_recipes.py",
    ),
    "the highest rate that reaches the target for the best": computing(
        "stability_ref/batch_recipes.py",
        "return np.median(results, axis=0).argmin(axis=-1)",
        "return np.isfinite(np.median(results, axis=0)).sum(axis=-1) - 1",
        "07_batch_size",
        "tests/test_batch_recipes.py",
    ),
    "post-norm with the norm inside": computing(
        "stability_ref/problems.py",
        '"post": (Residual(*f), norm),',
        '"post": (Residual(*f, norm),),',
        "03b_norm_placement",
        "tests/test_problems.py",
    ),
    "type too small for the last row": computing(
        STYLE,
        "LARGER, HIGHER, HIGHEST = 1.45, 1.2, 6.4",
        "LARGER, HIGHER, HIGHEST = 1.3, 1.2, 6.4",
        None,
        "tests/test_figure_style.py",
    ),
    "a legend on the axes' numbers": computing(
        STYLE, 'loc="outside lower center"', 'loc="lower center"', None, "tests/test_figure_style.py"
    ),
    "a threshold at another percentile": computing(
        "stability_ref/diagnosis/norms.py",
        "threshold = threshold_at_percentile(survived, PERCENTILE)",
        "threshold = threshold_at_percentile(survived, 50)",
        "08_your_own_run",
        "tests/test_diagnosis_norms.py",
    ),
}


def faulty(fault, root=ROOT):
    """The text of the fault's file with the fault in it."""
    text = (root / fault.file).read_text(encoding="utf-8")
    if text.count(fault.old) != 1:
        raise ValueError(
            f"{fault.file} must hold {fault.old!r} once, but it does {text.count(fault.old)} times"
        )
    return text.replace(fault.old, fault.new)
