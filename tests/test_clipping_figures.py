"""The figures of lesson 04 say what they draw, and a fault in one changes what it says."""

import dataclasses

import numpy as np
import pytest
import records
from pictures import line_facts

from stability_ref import clipping_figures, clipping_recipes, figures, recipes
from stability_ref.clipping_recipes import BETTER, RATE, STEPS, TOO_AGGRESSIVE

EVERY = np.arange(STEPS)
BEYOND = recipes.BEYOND_STEPS + recipes.BEYOND_WARMUP


@pytest.fixture(scope="module")
def four():
    return records.figure_9()


@pytest.fixture(scope="module")
def beyond():
    return records.spikes()


def panels(figure):
    """The facts of each of a figure's axes."""
    return figures.facts(figure).split("axes ")[1:]


def test_figure_9_draws_norms_histogram_and_both_thresholds(four):
    curve, histogram = panels(clipping_figures.figure_9(four))
    assert "Gradient L2 norm: log" in curve
    assert "Global step: linear" in curve
    assert f"{STEPS} points, 0 not finite, x 0 to 999, first 1e+05 last 2" in line_facts(
        curve, "gradient norm"
    )
    assert "Gradient L2 norm: log 0.1 to 1e+06" in histogram
    for label, threshold in {
        "better threshold, 3": BETTER,
        "threshold too aggressive, 0.5": TOO_AGGRESSIVE,
    }.items():
        assert f"first {threshold:g} last {threshold:g}" in line_facts(curve, label)
        assert f"x {threshold:g} to {threshold:g}" in line_facts(histogram, label)


def test_the_histogram_counts_every_step(four):
    axes = clipping_figures.figure_9(four).axes[1]
    edges, counts = axes.get_lines()[0].get_data()
    assert counts.sum() == STEPS
    tallest = edges[counts.argmax()]
    assert tallest <= 2 < tallest * 1.34


def test_figure_9_holds_the_playbook_s_three_remarks(four):
    remarks = " ".join(
        text.get_text().replace("\n", " ") for text in clipping_figures.figure_9(four).axes[0].texts
    )
    for words in ("early training", "just above the typical norm", "slows training down"):
        assert words in remarks


def test_the_effective_rate_reaches_the_rate_only_where_nothing_is_clipped(four):
    rate, loss = panels(clipping_figures.effective_rates(four))
    assert "last 0.01" in line_facts(rate, "better threshold")
    assert "70 unstable" in line_facts(rate, "threshold too aggressive")
    (line,) = [
        line
        for line in clipping_figures.effective_rates(four).axes[0].get_lines()
        if line.get_label() == "threshold too aggressive"
    ]
    assert line.get_ydata()[-1] == pytest.approx(RATE * TOO_AGGRESSIVE / 5)
    assert "first 0.45 last 0.45" in line_facts(loss, "guessing")
    assert "no clipping" not in rate + loss


def test_spikes_draws_means_of_the_loss_and_maxima_of_the_norm(beyond):
    left, right = clipping_figures.spikes(beyond).axes
    np.testing.assert_allclose(
        left.get_lines()[0].get_ydata()[:2],
        beyond["no clipping"].loss[0, 0, :20].reshape(2, 10).mean(axis=-1),
    )
    assert left.get_lines()[0].get_xdata()[:2].tolist() == [0, 10]
    assert right.get_lines()[0].get_ydata()[0] == beyond["no clipping"].gradient_norm.max()
    threshold = clipping_recipes.calm_threshold(beyond["no clipping"])
    drawn = [line.get_ydata()[0] for line in right.get_lines() if line.get_label().startswith("_threshold")]
    assert drawn == [threshold, threshold / 2]


def test_unstable_values_are_not_in_the_text(four, beyond):
    late = np.arange(STEPS) >= clipping_figures.PORTABLE
    moved = dict(four)
    for label in ("threshold too aggressive", "smaller rate instead"):
        record = four[label]
        moved[label] = dataclasses.replace(record, loss=np.where(late, 1.5, 1) * record.loss)
    after = np.where(np.arange(BEYOND) >= recipes.CALM, 2, 1)
    after[clipping_recipes.CALM_STEPS] = 1  # the threshold is taken of these
    parted = {
        label: dataclasses.replace(
            record, loss=after * record.loss, gradient_norm=after * record.gradient_norm
        )
        for label, record in beyond.items()
    }
    for draw, right, others in (
        (clipping_figures.effective_rates, four, moved),
        (clipping_figures.spikes, beyond, parted),
    ):
        assert figures.facts(draw(right)) == figures.facts(draw(others))


def test_lines_are_told_apart_without_colour(four, beyond):
    for figure in (
        clipping_figures.effective_rates(four),
        clipping_figures.spikes(beyond),
        clipping_figures.figure_9(four),
    ):
        for axes in figure.axes:
            lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
            looks = {(line.get_linestyle(), line.get_linewidth()) for line in lines}
            assert len(looks) == len(lines)


FAULTS = {
    "a wrong curve": lambda axes: axes.get_lines()[0].set_ydata(axes.get_lines()[0].get_ydata() * 1.1),
    "swapped colours": lambda axes: axes.get_lines()[0].set_color("red"),
    "another axis": lambda axes: axes.set_yscale("linear" if axes.get_yscale() == "log" else "log"),
    "a missing line": lambda axes: axes.get_lines()[1].remove(),
    "a moved threshold": lambda axes: axes.get_lines()[-1].set_data(
        *(2 * np.asarray(values) for values in axes.get_lines()[-1].get_data())
    ),
    "an empty picture": lambda axes: axes.clear(),
    "other limits": lambda axes: axes.set_ylim(0.5, 1),
}


@pytest.mark.parametrize("panel", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["figure_9", "effective_rates", "spikes"])
def test_a_fault_in_the_picture_changes_the_text(four, beyond, name, fault, panel):
    figure = getattr(clipping_figures, name)(beyond if name == "spikes" else four)
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[panel])
    assert figures.facts(figure) != right


@pytest.fixture
def live(four):
    return clipping_figures.LiveThreshold(four["better threshold"])


def test_the_slider_s_percentile_moves_both_threshold_lines(live, four):
    _, across, up, *_ = live.lines
    for percentile in (50, 97):
        expected = np.percentile(four["better threshold"].gradient_norm, percentile)
        assert live.set_percentile(percentile) == expected
        assert list(across.get_ydata()) == [expected, expected]
        assert list(up.get_xdata()) == [expected, expected]
        assert up.get_ydata()[1] == live.figure.axes[1].get_ylim()[1]


def test_the_sentence_names_threshold_share_and_loss(live, four):
    live.set_percentile(90)
    live.begin()
    share = "5%"
    few = records.one_trial(np.where(EVERY < 50, 1e4, 1.0), np.full(STEPS, 0.1))
    threshold = np.percentile(four["better threshold"].gradient_norm, 90)
    expected = (
        f"Threshold {threshold:.3g}, percentile 90: {share} of the updates clipped. Final training loss 0.06."
    )
    assert live.finish(few) == expected


def test_more_than_half_clipped_is_called_a_smaller_rate(live):
    threshold = live.set_percentile(50)
    for share, called in ((0.5, False), (0.51, True)):
        norms = np.where(share * STEPS > EVERY, 2 * threshold, threshold / 2)
        sentence = live.finish(records.one_trial(norms, np.full(STEPS, 0.1)))
        assert ("in essence a smaller learning rate" in sentence) is called


@pytest.mark.parametrize("loss", [1e7, np.inf, np.nan])
def test_a_run_that_blows_up_gets_a_cross_and_no_share(live, loss):
    *_, blow_up = live.lines
    live.set_percentile(99)
    sentence = live.finish(records.one_trial(np.full(STEPS, loss), np.where(EVERY < 7, 1e3, loss)))
    assert sentence.endswith("the loss blew up, the threshold is too loose.")
    assert list(blow_up.get_xdata()) == [7]
    live.begin()
    live.set_percentile(50)
    live.finish(records.one_trial(np.full(STEPS, 1.0), np.full(STEPS, 0.1)))
    assert len(blow_up.get_xdata()) == 0


def test_the_text_of_a_run_that_blew_up_or_clips_too_much_holds_no_digit_of_it(live):
    live.set_percentile(50)
    texts = set()
    for factor in (1, 3):
        for norm, loss in ((1e5, 1e7), (50, 0.3)):
            late = np.where(EVERY >= clipping_figures.PORTABLE, factor, 1)
            scale = late if loss < 1 else factor
            live.begin()
            live.finish(records.one_trial(np.full(STEPS, norm) * scale, np.full(STEPS, loss) * scale))
        live.begin()
        texts.add(figures.facts(live.figure))
    assert len(texts) == 1


def test_the_run_before_stays_in_grey_unless_it_was_stopped(live, four):
    now_norms, _, _, before, now, _ = live.lines
    first = four["better threshold"]
    live.set_percentile(90)
    live.finish(first)
    live.begin()
    stopped = dataclasses.replace(four["threshold too aggressive"], steps_done=np.full((1, 1), 27))
    assert live.finish(stopped) == "The run was stopped."
    assert len(now.get_xdata()) == 2  # windows of ten that are whole
    assert len(now_norms.get_xdata()) == 27
    live.begin()
    np.testing.assert_allclose(before.get_ydata(), np.median(first.loss.reshape(-1, 10), axis=-1))


def test_a_percentile_outside_is_refused(live):
    with pytest.raises(ValueError, match="percentile must be between 0 and 100, but 101 came"):
        live.set_percentile(101)
