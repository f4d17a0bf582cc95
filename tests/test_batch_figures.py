"""The figures of lesson 07 say what they draw, and the slider's run stands where it belongs."""

import dataclasses

import numpy as np
import pytest
import records
from pictures import line_facts

from stability_ref import batch_figures, figures
from stability_ref.batch_recipes import BATCH_SIZES, FIXED_RATE, RATES

ARRIVES = "Best of the sweep, median:"


@pytest.fixture(scope="module")
def sweep():
    return records.batch_sweep()


def panels(figure):
    """The facts of each of a figure's axes."""
    return figures.facts(figure).split("axes ")[1:]


def line_of(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line


def test_validation_error_draws_medians_of_three_ways_and_their_ranges(sweep):
    figure = batch_figures.validation_error(sweep)
    (panel,) = panels(figure)
    assert "Batch size: log" in panel
    assert "Batch size ticks: 2, , 8, , 32" in panel
    fixed = line_of(figure.axes[0], "same epochs, learning rate 0.25 for all").get_ydata()
    np.testing.assert_allclose(fixed, sweep.equal_epochs[1, :, RATES == FIXED_RATE][0])
    tuned = line_of(figure.axes[0], "at least 256 steps, rate tuned for each").get_ydata()
    np.testing.assert_allclose(tuned, 0.03)  # of 0.02, 0.03 and 0.04
    assert "max 0.04" in [row for row in panel.splitlines() if "shaded" in row][-1]


def test_steps_to_target_draws_perfect_scaling_from_the_smallest_batch(sweep):
    axes, right = batch_figures.steps_to_target(sweep).axes
    tuned, perfect = (
        line_of(axes, label).get_ydata() for label in ("rate tuned for each", "perfect scaling")
    )
    assert tuned[0] == perfect[0]
    np.testing.assert_allclose(perfect, perfect[0] * 2 / np.array(BATCH_SIZES))
    np.testing.assert_allclose(tuned[:6], perfect[:6])
    assert (tuned[6:] == tuned[5]).all()
    best = line_of(right, "fewest steps").get_ydata()
    np.testing.assert_array_equal(best, np.minimum(np.array(BATCH_SIZES) / 64, 1))


def test_the_bend_is_where_the_words_stand(sweep):
    axes = batch_figures.steps_to_target(sweep).axes[0]
    assert list(line_of(axes, "_the bend").get_xdata()) == [64, 64]
    left, right = axes.texts
    assert left.get_position()[0] < 64 < right.get_position()[0]
    assert "half the steps" in left.get_text().replace("\n", " ")
    assert "diminishing returns" in right.get_text().replace("\n", " ")


def test_batch_sizes_that_never_arrive_have_crosses(sweep):
    """At 1/4 the hand-made runs with fewer than 16 images do not."""
    axes = batch_figures.steps_to_target(sweep).axes[0]
    assert list(line_of(axes, "the same: never").get_xdata()) == [2, 4, 8]
    assert line_of(axes, "learning rate 0.25 for all").get_xdata()[0] == 16


def test_regularisation_draws_no_penalty_at_its_own_tick_and_the_best_as_a_star():
    errors = records.penalised()
    left, right = batch_figures.regularisation(errors).axes
    np.testing.assert_allclose(line_of(left, "without L2").get_ydata(), errors[1, :, 0])
    np.testing.assert_allclose(line_of(left, "L2 tuned for each").get_ydata(), 0.05)
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["0", "0.001", "0.01", "0.1"]
    for size in batch_figures.SHOWN:
        curve = line_of(right, f"batch size {size}")
        assert curve.get_xdata()[0] == right.get_xticks()[0]
        assert list(line_of(right, f"_best of {size}").get_xdata()) == [2.0**-6]


def test_lines_are_told_apart_without_colour(sweep):
    for figure in (
        batch_figures.validation_error(sweep),
        batch_figures.steps_to_target(sweep),
        batch_figures.regularisation(records.penalised()),
    ):
        for axes in figure.axes:
            lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
            looks = {(line.get_linestyle(), line.get_linewidth(), line.get_marker()) for line in lines}
            assert len(looks) == len(lines)


# --- The slider ---------------------------------------------------------------------------------------------


@pytest.fixture
def live(sweep):
    return batch_figures.LiveBatch(sweep)


def test_a_run_that_arrives_has_a_dot_at_its_steps(live):
    """From 0.9 to 0.04 towards 0.02, with the time constant of 8 steps at a rate of 1."""
    _, now, ring, cross = live.lines
    live.begin(64)
    sentence = live.finish(records.one_batch_run(64, 1.0, falls_to=0.02))
    expected = np.ceil(8 * np.log(0.88 / 0.02))
    assert [list(values) for values in ring.get_data()] == [[64], [expected]]
    assert len(cross.get_xdata()) == 0
    assert now.get_xdata()[0] == 1  # step 0 has no place on a log axis
    assert sentence == (f"Batch size 64 at 1 reaches 4% after {expected:.0f} steps. {ARRIVES} 20 steps at 1.")


def test_a_run_that_never_arrives_has_a_cross_and_the_next_one_none(live):
    _, _, ring, cross = live.lines
    live.begin(2)
    sentence = live.finish(records.one_batch_run(2, 1.0, falls_to=0.1))
    assert sentence.startswith("Batch size 2 at 1 never reaches 4%.")
    assert list(cross.get_xdata()) == [2]
    assert len(ring.get_xdata()) == 0
    live.begin(4)
    live.finish(records.one_batch_run(4, 1.0, falls_to=0.02))
    assert len(cross.get_xdata()) == 0


def test_the_run_before_stays_in_grey_unless_it_was_stopped(live):
    before, now, *_ = live.lines
    finished = records.one_batch_run(64, 1.0, falls_to=0.02)
    live.begin(64)
    live.finish(finished)
    drawn = now.get_data()
    stopped = dataclasses.replace(
        records.one_batch_run(32, 0.5, falls_to=0.02), steps_done=np.full((1, 1), 9)
    )
    live.begin(32)
    assert live.finish(stopped) == "The run was stopped."
    live.begin(16)
    np.testing.assert_array_equal(before.get_data(), drawn)


def test_a_run_that_is_not_finished_draws_what_it_has_seen(live):
    """Evaluations to come hold NaN."""
    _, now, *_ = live.lines
    record = records.one_batch_run(64, 1.0, falls_to=0.02)
    error = np.where(record.evaluated_at <= 10, record.test_error, np.nan)
    live.begin(64)
    live.fill(dataclasses.replace(record, test_error=error, steps_done=np.full((1, 1), 11)))
    assert list(now.get_xdata()) == list(range(1, 11))


def test_the_text_of_a_run_whose_loss_rises_holds_no_digit_of_it(live):
    texts = set()
    for falls_to in (0.5, 0.6):
        record = records.one_batch_run(8, 1.0, falls_to)
        rising = np.linspace(1, 50, record.loss.size)[None, None]
        live.begin(8)
        live.finish(dataclasses.replace(record, loss=rising))
        texts.add(line_facts(panels(live.figure)[0], "this run"))
    assert len(texts) == 1
