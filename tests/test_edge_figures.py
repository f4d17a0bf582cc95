"""The figures of lesson 02 say what they draw, and a fault in one changes what it says.

The clauses D2 and D6.
"""

import dataclasses

import numpy as np
import pytest
import records
from pictures import line_facts
from records import STAR, single

from stability_ref import edge_figures, figures, recipes

STEPS = recipes.EDGE_STEPS


@pytest.fixture(scope="module")
def sweep():
    return records.figure_7a()


@pytest.fixture(scope="module")
def beyond():
    return records.figure_7b()


def test_figure_7a_says_what_it_draws(sweep):
    text = figures.facts(edge_figures.figure_7a(sweep))
    assert "Base learning rate: log" in text
    assert "linear 0 to 0.35" in text
    assert "legend: Best trial, Infeasible trials, Feasible trials" in text
    assert "*: 1 points, 0 not finite, x 0.0625 to 0.0625, first 0.06" in line_facts(text, "Best trial")
    assert "x: 4 points, 0 not finite, x 0.25 to 2, first 0.26" in line_facts(text, "Infeasible trials")
    assert "o: 5 points" in line_facts(text, "Feasible trials")
    assert "1 unstable" in line_facts(text, "Feasible trials")


def test_unstable_values_are_not_in_the_text(sweep, beyond):
    other = dataclasses.replace(
        sweep,
        test_loss=np.where(recipes.EDGE_RATES[:, None] > STAR, sweep.test_loss * 1.01, sweep.test_loss),
        loss=np.where(sweep.loss > 10, 50.0, sweep.loss),
    )
    for draw in (
        edge_figures.figure_7a,
        lambda record: edge_figures.curves_above(record, [STAR, 0.25, 0.5], 60),
    ):
        assert figures.facts(draw(sweep)) == figures.facts(draw(other))
    late = np.arange(beyond.loss.shape[-1]) >= recipes.CALM
    moved = dataclasses.replace(
        beyond,
        loss=np.where(late, beyond.loss * 1.5, beyond.loss),
        gradient_norm=np.where(late, beyond.gradient_norm * 2, beyond.gradient_norm),
    )
    for draw in (edge_figures.figure_7b, edge_figures.gradient_norms):
        assert figures.facts(draw(beyond)) == figures.facts(draw(moved))


def test_figure_7b_draws_means_of_ten_steps_on_linear_axes(beyond):
    figure = edge_figures.figure_7b(beyond)
    text = figures.facts(figure)
    assert "Global step: linear" in text
    assert "Cross-entropy loss on the training set: linear 0" in text
    (line,) = figure.axes[0].get_lines()
    np.testing.assert_allclose(line.get_ydata()[:2], beyond.loss[0, 1, :20].reshape(2, 10).mean(axis=-1))
    assert line.get_xdata()[:2].tolist() == [0, 10]


def test_the_curves_above_leave_the_picture_at_a_cross(sweep):
    text = figures.facts(edge_figures.curves_above(sweep, [STAR, 0.25, 0.5], window=60))
    assert "_cross of 0.0625" not in text
    assert "x 21 to 21" in line_facts(text, "_cross of 0.25")
    assert "x 11 to 11" in line_facts(text, "_cross of 0.5")
    assert "first above 10 at 21" in line_facts(text, "learning rate 0.25")


def test_lines_are_told_apart_without_colour(sweep, beyond):
    curves = edge_figures.curves_above(sweep, [STAR, 0.125, 0.25, 0.5], window=60).axes[0].get_lines()
    named = [line for line in curves if line.get_label().startswith("learning rate")]
    assert len({line.get_linestyle() for line in named}) == len(named) == 4
    norms = edge_figures.gradient_norms(beyond).axes[0].get_lines()
    assert len({line.get_linestyle() for line in norms}) == len(norms) == 2
    trials = edge_figures.figure_7a(sweep).axes[0].get_lines()
    assert len({line.get_marker() for line in trials}) == len(trials) == 3


FAULTS = {
    "a wrong curve": lambda axes: axes.get_lines()[-1].set_ydata(axes.get_lines()[-1].get_ydata() * 1.1),
    "swapped colours": lambda axes: axes.get_lines()[0].set_color("red"),
    "another axis": lambda axes: axes.set_xscale("linear" if axes.get_xscale() == "log" else "log"),
    "a missing line": lambda axes: axes.get_lines()[1].remove(),
    "a missing cross": lambda axes: axes.get_lines()[1].set_data([0.25, 0.5], [0.26, 0.26]),
    "a lost star": lambda axes: axes.get_lines()[0].set_marker("o"),
    "a wrong legend": lambda axes: axes.legend(["this", "that"]),
    "an empty picture": lambda axes: axes.clear(),
    "other limits": lambda axes: axes.set_ylim(0, 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_picture_changes_the_text(sweep, fault):
    figure = edge_figures.figure_7a(sweep)
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[0])
    assert figures.facts(figure) != right


@pytest.mark.parametrize("fault", ["a wrong curve", "swapped colours", "another axis", "other limits"])
def test_a_fault_in_figure_7b_changes_the_text(beyond, fault):
    figure = edge_figures.figure_7b(beyond)
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[0])
    assert figures.facts(figure) != right


def test_the_ring_marks_the_run_and_its_loss_is_drawn(sweep):
    live = edge_figures.LiveEdge(sweep)
    ring, cross, before, now, blow_up = live.lines
    assert live.finish(single(sweep, 4)) == "Feasible."
    assert (ring.get_xdata(), ring.get_ydata()) == ([STAR], [0.06])
    assert len(cross.get_xdata()) == len(blow_up.get_xdata()) == len(before.get_xdata()) == 0
    np.testing.assert_array_equal(now.get_ydata(), sweep.loss[0, 4])


@pytest.mark.parametrize("place", [6, 7, 8, 9])
def test_an_infeasible_run_jumps_to_the_row_of_crosses(sweep, place):
    live = edge_figures.LiveEdge(sweep)
    row = live.figure.axes[0].get_lines()[1].get_ydata()[0]
    ring, cross, *_, blow_up = live.lines
    assert live.finish(single(sweep, place)).startswith("Infeasible")
    assert ring.get_data() == cross.get_data() == ([recipes.EDGE_RATES[place]], [row])
    assert blow_up.get_xdata().tolist() == ([11] if place > 6 else [])
    live.begin()
    assert live.finish(single(sweep, 4)) == "Feasible."
    assert len(cross.get_xdata()) == 0


def test_a_rate_between_those_of_the_sweep_is_judged_like_one_of_them(sweep):
    live = edge_figures.LiveEdge(sweep)
    between = np.full((1, STEPS), 0.09)
    for result, expected in {0.07: "Feasible.", 2.0: "Infeasible"}.items():
        record = single(sweep, 4, rate=between, test_loss=np.full((1, 1, 1), result))
        assert live.finish(record).startswith(expected)


def test_the_run_before_stays_in_grey_unless_it_was_stopped(sweep):
    live = edge_figures.LiveEdge(sweep)
    before = live.lines[2]
    live.finish(single(sweep, 4))
    live.begin()
    stopped = single(sweep, 3, steps_done=np.full((1, 1), 7))
    assert live.finish(stopped) == "The run was stopped."
    assert len(live.lines[3].get_xdata()) == 7
    assert live.lines[0].get_xdata() == [STAR]  # the ring stays where the last whole run was
    live.begin()
    np.testing.assert_array_equal(before.get_ydata(), sweep.loss[0, 4])


def test_what_an_evaluation_now_and_then_sees(sweep):
    text = figures.facts(edge_figures.seen_and_unseen(sweep, [1, 4], every=50))
    assert "Global step: linear -5 to 205" in text
    assert f"- None: {STEPS} points" in line_facts(text, "1 times the best rate")
    assert f"{STEPS} unstable" in line_facts(text, "4 times the best rate")
    dots = [line for line in text.splitlines() if "'_every 50'" in line]
    assert [f"o: {STEPS // 50} points" in line for line in dots] == [True, True]
