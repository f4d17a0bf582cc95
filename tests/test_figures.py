"""What `show` publishes: the numbers that were drawn, and nothing that differs between processors."""

import dataclasses

import numpy as np
import pytest
import records
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from pictures import line_facts

from stability_ref import figures, lessons, recipes
from stability_ref.problems import Quadratic
from stability_ref.schedules import constant
from stability_ref.training import run


@pytest.fixture(scope="module")
def sweep():
    return records.figure_4()


def test_figure_4_says_what_it_draws(sweep):
    text = figures.facts(figures.figure_4(sweep))
    assert "Base learning rate: log" in text
    assert "Test error rate: linear 0 to 0.35" in text
    assert "10 points, 0 not finite, x 0.001 to 1, 1 unstable" in text
    assert "x 0.215 to 1, 3 unstable" in line_facts(text, "_crosses of sick twin")
    assert "legend: standard net, sick twin, sick twin + warmup, significant instability" in text
    assert "first above 10 at 6" in text


def test_unstable_values_are_not_in_the_text(sweep):
    other = {
        label: dataclasses.replace(
            record,
            loss=np.where(record.loss > 10, 60.0, record.loss),
            test_error=np.where((record.loss > 10).any(-1)[..., None], 0.9, record.test_error),
        )
        for label, record in sweep.items()
    }
    assert figures.facts(figures.figure_4(sweep)) == figures.facts(figures.figure_4(other))


FAULTS = {
    "a wrong curve": lambda axes: axes.get_lines()[0].set_ydata(axes.get_lines()[0].get_ydata() * 1.1),
    "swapped colours": lambda axes: axes.get_lines()[0].set_color("red"),
    "a linear axis": lambda axes: axes.set_xscale("linear"),
    "a missing cross": lambda axes: axes.get_lines()[1].remove(),
    "a wrong legend": lambda axes: axes.legend(["this", "that"]),
    "an empty picture": lambda axes: axes.clear(),
    "a masked point": lambda axes: axes.get_lines()[0].set_data(recipes.RATES, [np.nan] * 10),
    "other limits": lambda axes: axes.set_ylim(0, 1),
    "no shading": lambda axes: axes.collections[0].remove(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_picture_changes_the_text(sweep, fault):
    figure = figures.figure_4(sweep)
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[0])
    assert figures.facts(figure) != right


def test_a_line_is_told_apart_without_colour(sweep):
    lines = figures.figure_4(sweep).axes[0].get_lines()
    named = [line for line in lines if line.get_label() in sweep]
    assert len({(line.get_linestyle(), line.get_marker()) for line in named}) == len(sweep)


def test_log_windows_start_with_single_steps_and_lose_none():
    loss = np.arange(1.0, 251.0)
    steps, means = figures.log_windows(loss)
    np.testing.assert_array_equal(means[:8], loss[:8])
    widths = np.diff([*steps, 251])
    assert np.sum(widths * means) == pytest.approx(loss.sum())


def test_show_publishes_the_picture_its_numbers_and_the_sentence(sweep):
    InteractiveShell.instance()
    try:
        with capture_output() as captured:
            figures.show(figures.figure_4(sweep), "Two curves.")
    finally:
        InteractiveShell.clear_instance()
    picture, sentence = captured.outputs
    assert picture.data["image/png"].startswith(b"\x89PNG")
    assert picture.data["text/plain"].startswith("figure:\n  legend: standard net")
    assert sentence.data["text/markdown"] == "*Two curves.*"


def live(rate):
    picture = figures.LiveRun(steps=400)
    record = run(Quadratic([1.0]), "sgd", constant(rate), 400)
    picture.begin()
    picture.finish(record)
    return picture, record


def test_a_live_run_shows_the_run_and_remembers_it():
    picture, record = live(0.1)
    before, _, loss, rate, blow_up = picture.lines
    np.testing.assert_array_equal(loss.get_ydata(), record.loss[0, 0])
    np.testing.assert_array_equal(rate.get_ydata(), record.rate[0])
    assert len(before.get_xdata()) == len(blow_up.get_xdata()) == 0
    picture.begin()
    np.testing.assert_array_equal(before.get_ydata(), record.loss[0, 0])


def test_a_live_run_marks_where_the_loss_is_not_finite():
    picture, record = live(1e3)
    first = np.flatnonzero(~np.isfinite(record.loss[0, 0]))[0] + 1
    assert picture.lines[-1].get_xdata().tolist() == [first]
    assert lessons.describe(record) == f"The loss is not finite from step {first} on: the run has diverged."


def test_a_stopped_run_never_becomes_the_run_before():
    picture, record = live(0.1)
    picture.begin()
    picture.finish(run(Quadratic([1.0]), "sgd", constant(0.2), 400, on_step=lambda done, *_: done == 7))
    assert len(picture.lines[2].get_xdata()) == 7
    picture.begin()
    np.testing.assert_array_equal(picture.lines[0].get_ydata(), record.loss[0, 0])
