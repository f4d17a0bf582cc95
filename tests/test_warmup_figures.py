"""Figure 6 says what it draws, and a fault in it changes what it says."""

import dataclasses
import itertools

import numpy as np
import pytest
import records

from stability_ref import figures, recipes, warmup_figures
from stability_ref.schedules import DECAYS

STEPS = recipes.FULL_STEPS
LONGEST = recipes.WARMUPS[-1]


@pytest.fixture(scope="module")
def record():
    return records.figure_6()


@pytest.fixture
def figure(record):
    return warmup_figures.figure_6(record)


def line_facts(text, label):
    """What is said of a line in the left panel and in the right."""
    return [line for line in text.splitlines() if line.strip().startswith(repr(label))]


def test_figure_6_says_what_it_draws(figure):
    text = figures.facts(figure)
    assert "Training loss: linear 0 to 4" in text
    assert "Learning rate: log 6e-06 to 0.02" in text
    assert text.count("Global step: log") == 2
    assert "legend: Warmup 1, Warmup 10, Warmup 50, Warmup 250, Warmup 1000, guessing" in text
    for warmup in recipes.WARMUPS:
        loss, rate = line_facts(text, f"Warmup {warmup}")
        assert "first 3 " in loss
        assert ("unstable" in loss) == (warmup < LONGEST)
        assert "first 0 last 0.01" in rate
        assert "unstable" not in rate


def test_the_first_seed_is_drawn_in_windows_that_grow(record, figure):
    for place, line in enumerate(figure.axes[0].get_lines()[:5]):
        steps, means = figures.log_windows(record.loss[0, place])
        np.testing.assert_array_equal(line.get_xdata(), steps)
        np.testing.assert_array_equal(line.get_ydata(), means)


def test_the_rate_is_that_of_the_step(record, figure):
    for place, line in enumerate(figure.axes[1].get_lines()):
        steps = line.get_xdata()
        np.testing.assert_array_equal(line.get_ydata(), record.rate[place, steps - 1])


def test_the_marker_stands_where_the_ramp_ends(figure):
    lines = figure.axes[1].get_lines()
    for line, warmup in zip(lines, recipes.WARMUPS, strict=True):
        (place,) = line.get_markevery()
        assert line.get_ydata()[place] == recipes.FULL_RATE
        assert line.get_ydata()[place - 1] < recipes.FULL_RATE
        assert warmup < line.get_xdata()[place] <= 1.2 * warmup + 1


def test_unstable_values_are_not_in_the_text(record, figure):
    late = np.arange(STEPS) > 200
    moved = np.where(late & (record.loss > 1), record.loss * 1.1, record.loss)
    other = warmup_figures.figure_6(dataclasses.replace(record, loss=moved))
    assert not np.array_equal(moved[0], record.loss[0])
    assert figures.facts(other) == figures.facts(figure)


def test_the_text_tells_which_runs_trained(record, figure):
    loss = record.loss.copy()
    loss[:, 3], loss[:, 4] = record.loss[:, 4], record.loss[:, 3]
    text = figures.facts(warmup_figures.figure_6(dataclasses.replace(record, loss=loss)))
    assert "unstable" not in line_facts(text, "Warmup 250")[0]
    assert "unstable" in line_facts(text, "Warmup 1000")[0]


def test_a_loss_that_is_not_finite_has_not_trained(record):
    loss = record.loss.copy()
    loss[:, 4, 1500:] = np.nan
    text = figures.facts(warmup_figures.figure_6(dataclasses.replace(record, loss=loss)))
    assert "unstable" in line_facts(text, "Warmup 1000")[0]


def test_lines_are_told_apart_without_colour(figure):
    for axes in figure.axes:
        named = [line for line in axes.get_lines() if line.get_label().startswith("Warmup")]
        assert len({line.get_marker() for line in named}) == len(named) == 5
        looks = {(line.get_linestyle(), line.get_marker()) for line in named}
        neighbours = [line.get_linestyle() for line in named]
        assert len(looks) == 5
        assert all(one != next_one for one, next_one in itertools.pairwise(neighbours))


FAULTS = {
    "a wrong curve": lambda axes: axes.get_lines()[4].set_ydata(axes.get_lines()[4].get_ydata() * 1.1),
    "swapped colours": lambda axes: axes.get_lines()[0].set_color("red"),
    "another axis": lambda axes: axes.set_xscale("linear"),
    "a missing line": lambda axes: axes.get_lines()[1].remove(),
    "a lost marker": lambda axes: axes.get_lines()[2].set_marker("o"),
    "another style": lambda axes: axes.get_lines()[3].set_linestyle("-"),
    "a wrong legend": lambda axes: axes.legend(["this", "that"]),
    "an empty picture": lambda axes: axes.clear(),
    "other limits": lambda axes: axes.set_ylim(0.1, 1),
}


@pytest.mark.parametrize("panel", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_picture_changes_the_text(figure, fault, panel):
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[panel])
    assert figures.facts(figure) != right


def test_schedules_are_drawn_whole_behind_their_warmup():
    figure = warmup_figures.schedules_figure(steps=200, warmup_steps=100)
    assert [axes.get_title().replace(" ", "_") for axes in figure.axes] == list(DECAYS)
    for axes in figure.axes:
        warmup, decay = axes.get_lines()
        assert (warmup.get_ydata()[0], warmup.get_ydata()[-1], decay.get_ydata()[0]) == (0, 1, 1)
        assert (warmup.get_xdata()[-1], decay.get_xdata()[0], decay.get_xdata()[-1]) == (100, 100, 300)
