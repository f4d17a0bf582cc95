"""What lesson 00 claims of its one run, over seeds, and what its widget shows (clause X1, Figure 4)."""

import numpy as np
import pytest
from claims import nearly_all
from records import one_run

from stability_ref import figures, recipes, start_figures


@pytest.fixture(scope="module")
def rescues(seeds):
    return {warmup_steps: recipes.rescue(warmup_steps, seeds) for warmup_steps in (0, 20, 50, 100)}


def test_without_warmup_no_run_is_saved(rescues):
    assert (rescues[0].final_test_error > recipes.SAVED).all()


@pytest.mark.parametrize("warmup_steps", [20, 50, 100])
def test_with_warmup_the_runs_are_saved(rescues, warmup_steps):
    assert nearly_all(rescues[warmup_steps].final_test_error < recipes.SAVED)


def test_without_warmup_the_loss_becomes_far_worse_than_guessing_and_stays_there(rescues):
    loss = rescues[0].loss[:, 0]
    assert (loss[:, :20].max(axis=-1) > 10 * recipes.GUESSING).all()
    assert nearly_all(loss[:, 20:].min(axis=-1) > recipes.GUESSING)


def test_with_the_longest_the_loss_falls_below_a_hundredth(rescues):
    loss = rescues[recipes.RESCUED_BY].loss[:, 0]
    assert (loss[:, -20:].mean(axis=-1) < loss[:, 0] / 100).all()


def test_all_reach_the_same_rate(rescues):
    for warmup_steps, record in rescues.items():
        assert record.rate[0].argmax() == warmup_steps
        assert record.rate[0].max() == recipes.RESCUE_RATE


def test_the_picture_says_what_it_draws():
    live = start_figures.LiveRescue()
    live.finish(one_run(0.01))
    live.begin()
    live.finish(one_run(1.5))
    text = figures.facts(live.figure)
    assert "Training loss: log 0.001 to 1e+06" in text
    assert "Learning rate: linear 0 to 0.5" in text
    assert "Global step: linear 1 to 250" in text
    assert "'guessing'" in text
    assert "first 2.3 last 2.3" in text
    assert "'worse than guessing' at 245 4" in text


def test_a_run_beyond_guessing_is_inside_the_picture(rescues):
    low, high = start_figures.LiveRescue().figure.axes[0].get_ylim()
    loss = rescues[0].loss[0, 0]
    assert np.mean((low < loss) & (loss < high)) > 0.8


@pytest.mark.parametrize(
    ("warmup_steps", "said"), [(0, "LOST: of 100 digits"), (100, "SAVED: of 100 digits")]
)
def test_the_sentence_says_what_became_of_the_run(rescues, warmup_steps, said):
    assert start_figures.verdict(rescues[warmup_steps]).startswith(said)


def test_a_run_that_a_slider_stops_comes_back_as_it_is():
    record = recipes.rescue(0, on_step=lambda done, total, record: True)
    assert record.steps_done[0, 0] < recipes.STEPS
    assert start_figures.verdict(record).startswith("LOST")
