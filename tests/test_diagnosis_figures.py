"""The pictures of a report show what was logged and what was found."""

import re

import numpy as np
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_hex
from records import BLOW_UP, NORMS, SAFE, STEPS

from stability_ref.diagnosis import Log, diagnose
from stability_ref.diagnosis_figures import (
    MOST_POINTS,
    MOST_RUNS,
    LiveLog,
    report_figure,
    search_figure,
    thinned,
)
from stability_ref.figures import COLOURS, facts

NAN, INF = np.nan, np.inf


def pictured(*logs):
    report = diagnose(list(logs))
    return report, report_figure(report)


def panel(figure, title):
    (axes,) = [axes for axes in figure.axes if axes.get_title() == title]
    return axes


def line(axes, label):
    (found,) = [each for each in axes.get_lines() if each.get_label() == label]
    return found


def points(axes, label):
    found = line(axes, label)
    return np.asarray(found.get_xdata(), dtype=float), np.asarray(found.get_ydata(), dtype=float)


def test_losses_are_drawn_as_they_are_with_a_mark_where_a_rise_begins():
    report, figure = pictured(Log(BLOW_UP, name="early"), Log(SAFE, name="safe"))
    (axes,) = figure.axes
    for label, loss in (("early", BLOW_UP), ("safe", SAFE)):
        np.testing.assert_array_equal(points(axes, label), [STEPS, loss])
    assert set(points(axes, "_rise of early")[0]) == {report.runs[0].finding.since}
    assert not [
        each for each in axes.get_lines() if "safe" in each.get_label() and each.get_label() != "safe"
    ]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["early", "safe"]
    text = facts(figure)
    assert "Training loss: log" in text
    assert f"'early' {to_hex(COLOURS[0])}" in text


@pytest.mark.parametrize(
    ("loss", "scale"),
    [(SAFE, "linear"), (BLOW_UP, "log"), (BLOW_UP - 1, "linear"), (np.zeros(400), "linear")],
)
def test_the_axis_is_logarithmic_where_the_range_is_wide_and_above_0(loss, scale):
    _, figure = pictured(Log(loss))
    assert panel(figure, "Training loss").get_yscale() == scale


@pytest.mark.parametrize(("first", "value"), [(0, NAN), (200, NAN), (200, INF), (399, -INF)])
def test_a_cross_stands_at_the_top_where_the_loss_is_not_finite(first, value):
    _, figure = pictured(Log(np.where(first <= STEPS, value, SAFE), name="lost"), Log(SAFE, name="safe"))
    axes = panel(figure, "Training loss")
    cross = line(axes, "_lost not finite")
    assert cross.get_marker() == "x"
    assert cross.get_xdata().tolist() == [first]
    assert cross.get_ydata() == [axes.get_ylim()[1]]
    assert len(points(axes, "lost")[0]) == first


def test_norms_with_their_outliers_and_the_threshold():
    norms = NORMS.copy()
    norms[[50, 300]] = 90, INF
    report, figure = pictured(Log(SAFE, gradient_norm=norms, name="run"), Log(SAFE, name="without"))
    axes = panel(figure, "Gradient norm, unclipped")
    (run, _) = report.runs
    np.testing.assert_array_equal(points(axes, "run"), [np.delete(STEPS, 300), np.delete(norms, 300)])
    outliers = [step for step in run.norms.outliers if step != 300]
    assert 50 in outliers
    np.testing.assert_array_equal(points(axes, "_outliers of run"), [outliers, norms[outliers]])
    threshold = f"threshold to start from, {run.norms.threshold:.3g}"
    assert set(points(axes, threshold)[1]) == {run.norms.threshold}
    assert not any("without" in each.get_label() for each in axes.get_lines())


def test_outliers_stand_at_their_steps():
    norms = np.where(STEPS == 60, 50.0, 1.0)
    _, figure = pictured(Log(SAFE, step=7 * STEPS + 3, gradient_norm=norms, name="run"))
    found = points(panel(figure, "Gradient norm, unclipped"), "_outliers of run")
    np.testing.assert_array_equal(found, [[423], [50]])


HISTOGRAMS = {
    "lognormal": NORMS,
    "all the same": np.full(400, 2.0),
    "gaps": np.where(STEPS % 3, NORMS, NAN),
    "inf and zeros": np.select([STEPS % 3 == 0, STEPS % 3 == 1], [np.full(400, INF), np.zeros(400)], NORMS),
    "of all sizes": np.geomspace(1e-300, 1e300, 400),
}


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_the_histogram_counts_every_finite_norm_above_0_once(name):
    norms = HISTOGRAMS[name]
    _, figure = pictured(Log(SAFE, gradient_norm=norms, name="run"), Log(SAFE, gradient_norm=NORMS, name="b"))
    axes = panel(figure, "Histogram")
    for label, each in (("run", norms), ("b", NORMS)):
        counts = points(axes, label)[1][:-1]  # the last stands twice, for the end of its step
        assert counts.sum() == np.sum(np.isfinite(each) & (each > 0))
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("norms", [np.zeros(400), np.full(400, NAN), np.full(400, INF)])
def test_a_histogram_of_nothing_is_empty(norms):
    _, figure = pictured(Log(SAFE, gradient_norm=norms))
    assert not panel(figure, "Histogram").get_lines()
    assert facts(figure)


@pytest.mark.parametrize("value", [NAN, INF, 0.0, 1e308, -1e308, 5e-324])
def test_runs_of_one_value_are_drawn_without_a_warning(value, tmp_path):
    report = diagnose(Log(np.full(400, value), gradient_norm=np.full(400, abs(value))))
    report_figure(report).savefig(tmp_path / "report.png")


@pytest.mark.parametrize(("count", "drawn"), [(1, 1), (MOST_RUNS, MOST_RUNS), (MOST_RUNS + 3, MOST_RUNS)])
def test_the_first_ten_runs_are_drawn_each_in_a_colour(count, drawn):
    _, figure = pictured(*[Log(SAFE + number, name=f"run {number}") for number in range(count)])
    lines = panel(figure, "Training loss").get_lines()
    assert [each.get_label() for each in lines] == [f"run {number}" for number in range(drawn)]
    assert len({each.get_color() for each in lines}) == drawn


@pytest.mark.parametrize("name", ["_hidden", "$\\undefined$", "a $5 run", "", "x" * 500, "two\nlines", "\t"])
def test_names_of_every_kind_stand_in_the_legend(name, tmp_path):
    logs = [Log(BLOW_UP, gradient_norm=NORMS, name=name), Log(SAFE, gradient_norm=NORMS, name="other")]
    _, figure = pictured(*logs)
    figure.savefig(tmp_path / "report.svg")
    for title in ("Training loss", "Gradient norm, unclipped"):
        texts = [text.get_text() for text in panel(figure, title).get_legend().get_texts()]
        assert "other" in texts
        (shown,) = [text for text in texts if text != "other" and not text.startswith("threshold")]
        shown = shown.strip().replace(r"\$", "$").removeprefix("…")
        assert shown
        assert " ".join(name.split()).endswith(shown) or (not name.strip() and shown == "run")


def test_a_sweep_is_drawn_with_infeasible_rates_at_the_top():
    losses = {0.1: 0.9, 0.2: 0.5, 0.4: 0.6, 0.8: NAN}
    logs = [
        Log(np.append(2.3, np.full(99, loss)), learning_rate=np.full(100, rate))
        for rate, loss in losses.items()
    ]
    report, figure = pictured(*logs)
    axes = panel(figure, "The sweep")
    assert points(axes, "Best trial")[0] == [report.sweep.best] == [0.2]
    np.testing.assert_allclose(points(axes, "Feasible trials"), [[0.1, 0.4], [0.9, 0.6]])
    place, height = points(axes, "Infeasible trials")
    assert place == [0.8]
    assert height > 0.9
    assert axes.get_xscale() == "log"
    assert axes.get_ylabel() == "Final training loss"


def test_which_panels_there_are():
    def titles(*logs):
        return [axes.get_title() for axes in pictured(*logs)[1].axes]

    normed = ["Gradient norm, unclipped", "Histogram"]
    assert titles(Log(SAFE)) == ["Training loss"]
    assert titles(Log(SAFE), Log(SAFE, gradient_norm=NORMS)) == ["Training loss", *normed]
    sweep = [Log(SAFE, gradient_norm=NORMS, learning_rate=np.full(400, rate)) for rate in (1, 2, 3)]
    assert titles(*sweep) == ["Training loss", *normed, "The sweep"]


# Thinning


@given(
    arrays(float, st.integers(0, 3 * MOST_POINTS), elements=st.floats(-1e6, 1e6), fill=st.floats()),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_a_thinned_curve_keeps_its_extremes_and_its_order(values, seed):
    step = np.cumsum(np.random.default_rng(seed).integers(1, 9, len(values)))
    places, kept = thinned(step, values)
    finite = np.isfinite(values)
    assert len(kept) == min(finite.sum(), MOST_POINTS)
    assert (np.diff(places) >= 0).all()
    if finite.any():
        assert (kept.min(), kept.max()) == (values[finite].min(), values[finite].max())
    np.testing.assert_array_equal(kept, values[np.searchsorted(step, places)])


def test_every_spike_of_a_long_curve_is_drawn():
    values = np.zeros(1_000_000)
    spikes = np.random.default_rng(0).choice(1_000_000, 50, replace=False)
    values[spikes] = 1 + np.arange(50)
    step, kept = thinned(np.arange(1_000_000), values)
    windows = 1_000_000 * 2 // MOST_POINTS
    for window in set(spikes // windows):
        highest = values[window * windows : (window + 1) * windows].max()
        assert kept[step // windows == window].max() == highest


def test_the_facts_tell_the_numbers():
    _, figure = pictured(Log(BLOW_UP, gradient_norm=NORMS, name="early"))
    text = facts(figure)
    assert re.search(r"'early' #\w+ - None: 400 points, 0 not finite, x 0 to 399", text)
    assert "axes 'Histogram'" in text


def test_a_live_log_shows_what_was_evaluated_and_the_rise_that_is_seen():
    live = LiveLog(steps=200, low=1e-2, high=100)
    loss = 2.3 * np.exp(-np.arange(200) / 80) + 20 * (abs(np.arange(200) - 9) < 6)
    every = Log(loss)
    seen = diagnose(every).runs[0]
    live.fill(every, seen)
    text = facts(live.figure)
    assert "'every step' #bfbfbf - None: 200 points" in text
    assert "'a rise is seen' #ffa90e : None: 2 points, 0 not finite, x 4 to 4" in text
    rarely = Log(loss[::25], step=np.arange(0, 200, 25))
    live.fill(every, diagnose(rarely).runs[0])
    text = facts(live.figure)
    assert "- o: 8 points" in text
    assert "'a rise is seen' #ffa90e : None: 0 points" in text


def test_a_search_shows_the_baseline_and_every_warmup_and_no_digit_of_a_run():
    text = facts(search_figure([records.search()]))
    assert "legend: rate 0.05, baseline, rate 1, warmup 10, rate 1, warmup 30" in text
    assert "'rate 1, warmup 10' #ffa90e -- None: 410 points, 0 not finite, x 0 to 409, 410 unstable" in text
    assert "mean" not in text
