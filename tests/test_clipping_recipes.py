"""What lesson 04 claims, over seeds: orderings and counts, never a diverged number.

The clauses C3–C6 and X2, and Figure 9.
"""

import numpy as np
import pytest
from claims import most, starts_no_further_run

from stability_ref import clipping_recipes, recipes
from stability_ref.clipping import threshold_at_percentile
from stability_ref.clipping_recipes import BETTER, GUESSING, RATE, STEPS, TOO_AGGRESSIVE

LATE = slice(STEPS // 2, None)  # where the norm has settled


@pytest.fixture(scope="module")
def four(seeds):
    return clipping_recipes.figure_9(seeds)


@pytest.fixture(scope="module")
def survival(seeds):
    return clipping_recipes.survival(seeds)


@pytest.fixture(scope="module")
def beyond(seeds):
    return clipping_recipes.spikes(seeds)


@pytest.fixture(scope="module")
def adam(seeds):
    return clipping_recipes.warmup_or_clipping(seeds)


def norms(record):
    return record.gradient_norm[:, 0]


def final_loss(record):
    return record.train_loss[:, 0, -1]


def typical(record):
    """The median norm of each seed once it has settled."""
    return np.median(norms(record)[:, LATE], axis=-1)


def clipped(record, threshold):
    return (norms(record) > threshold).mean(axis=-1)


def test_the_norm_starts_huge_and_settles(four):
    better = norms(four["better threshold"])
    assert (better[:, 0] > 5000 * typical(four["better threshold"])).all()
    spread = np.percentile(better[:, LATE], [10, 90], axis=-1)
    assert (spread[1] < 4 * spread[0]).all()


def test_without_clipping_nothing_is_learnt(four):
    assert not np.isfinite(four["no clipping"].loss[..., 10:]).any()


def test_with_the_better_threshold_all_train(four):
    better = four["better threshold"]
    assert (final_loss(better) < GUESSING / 3).all()
    assert (better.final_test_error < clipping_recipes.TRAINED).all()


def test_the_better_threshold_is_just_above_the_typical_norm_and_the_other_below(four):
    usual = typical(four["better threshold"])
    assert (usual < BETTER).all()
    assert (usual > BETTER / 3).all()
    assert (usual > 2 * TOO_AGGRESSIVE).all()
    assert (clipped(four["better threshold"], TOO_AGGRESSIVE) > 0.99).all()


def test_the_better_threshold_clips_few_steps_and_the_aggressive_one_nearly_all(four):
    assert (clipped(four["better threshold"], BETTER) < 0.3).all()
    assert (clipped(four["threshold too aggressive"], TOO_AGGRESSIVE) > 0.9).all()


def test_the_aggressive_threshold_slows_training_down(four):
    better, aggressive = four["better threshold"], four["threshold too aggressive"]
    assert (final_loss(aggressive) > 2 * final_loss(better)).all()
    assert (aggressive.final_test_error > 2 * better.final_test_error).all()


def test_to_cut_the_rate_instead_comes_to_the_same(four):
    ratio = final_loss(four["smaller rate instead"]) / final_loss(four["threshold too aggressive"])
    assert (abs(ratio - 1) < 0.1).all()


def test_clipping_makes_a_warmup_of_its_own(four):
    better = clipping_recipes.effective_rate(four["better threshold"], BETTER)[:, 0]
    aggressive = clipping_recipes.effective_rate(four["threshold too aggressive"], TOO_AGGRESSIVE)[:, 0]
    assert (better[:, 0] < RATE / 1000).all()
    assert (np.median(better[:, LATE], axis=-1) == RATE).all()
    assert (np.median(aggressive[:, -100:], axis=-1) < RATE / 4).all()


def test_the_90th_percentile_of_the_run_that_survives_is_far_too_high(survival, seeds):
    place = clipping_recipes.highest_surviving(survival)
    assert survival.rate[place, 0] < RATE / 100
    threshold = threshold_at_percentile(survival.gradient_norm[:, place])
    assert threshold > 30 * BETTER
    assert (clipping_recipes.train(seeds, threshold).final_test_error > 0.5).all()


def test_that_of_a_loosely_clipped_run_is_a_threshold_that_trains(seeds):
    loose = clipping_recipes.train(seeds, clipping_recipes.LOOSE)
    threshold = threshold_at_percentile(loose.gradient_norm)
    assert (typical(loose) < threshold).all()
    again = clipping_recipes.train(seeds, threshold)
    assert (again.final_test_error < clipping_recipes.TRAINED).all()
    assert (
        np.median(clipped(again, threshold)) > 0.3
    )  # not a tenth: to clip harder keeps the norm high longer


@pytest.mark.parametrize("warmup_steps", [STEPS // 10, STEPS])
def test_no_warmup_of_that_length_saves_this_net(warmup_steps, seeds):
    record = clipping_recipes.warmed_up(seeds, warmup_steps)
    assert not np.isfinite(record.loss[..., -1]).any()


def same_run(seeds, rule, rate_factor, **constants):
    record = clipping_recipes.one_eighth(rule, rate_factor, seeds, constants)
    assert (record.gradient_norm > TOO_AGGRESSIVE).all()  # every step clips, at either threshold
    return np.array_equal(record.theta[:, 0], record.theta[:, 1]) and np.array_equal(
        record.loss[:, 0], record.loss[:, 1]
    )


@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov"])
def test_an_eighth_of_the_threshold_at_eight_times_the_rate_is_the_same_run(rule, seeds):
    assert same_run(seeds, rule, 8)
    assert not same_run(seeds, rule, 1)


@pytest.mark.parametrize("rule", ["adam", "nadam"])
def test_adam_does_not_see_the_threshold_at_all_but_for_epsilon(rule, seeds):
    assert same_run(seeds, rule, 1, epsilon=1e-30)
    assert not same_run(seeds, rule, 1)
    assert not same_run(seeds, rule, 8, epsilon=1e-30)


def test_rmsprop_sees_it_through_its_first_v(seeds):
    assert not same_run(seeds, "rmsprop", 1, epsilon=1e-30)
    assert not same_run(seeds, "rmsprop", 8, epsilon=1e-30)


def highest_after_the_calm(record):
    windows = record.loss[:, 0, recipes.CALM :].reshape(len(record.loss), -1, 10)
    return windows.mean(axis=-1).max(axis=-1)


def test_clipping_prevents_the_instability_in_mid_training(beyond):
    highest = {label: highest_after_the_calm(record) for label, record in beyond.items()}
    error = {label: record.final_test_error[:, 0] for label, record in beyond.items()}
    assert most(highest["no clipping"] > 2)
    assert np.median(error["no clipping"]) > 0.3
    for label in ("clipped", "clipped harder"):
        assert most(highest[label] < highest["no clipping"] / 2)
        assert most(error[label] < error["no clipping"])
        assert np.median(error[label]) < clipping_recipes.TRAINED
    assert (highest["clipped harder"] < 2).all()
    assert (error["clipped harder"] < clipping_recipes.TRAINED).all()


def test_what_remains_of_it_goes_when_clipped_harder(beyond):
    calmer = highest_after_the_calm(beyond["clipped harder"]) < highest_after_the_calm(beyond["clipped"])
    assert most(calmer)


def test_its_threshold_is_a_little_above_the_typical_norm_and_clips_few_steps(beyond):
    threshold = clipping_recipes.calm_threshold(beyond["no clipping"])
    calm = norms(beyond["no clipping"])[:, clipping_recipes.CALM_STEPS]
    assert 1 < threshold / np.median(calm) < 3
    assert (clipped(beyond["clipped"], threshold) < 0.25).all()
    assert (clipped(beyond["clipped harder"], threshold / 2) < 0.5).all()


def test_a_longer_warmup_fixes_what_clipping_does_not(adam):
    errors = adam["clipping"].final_test_error
    assert (errors < clipping_recipes.TRAINED).mean() < 0.5
    warm = adam["longer warmup"].final_test_error[:, 0]
    assert most(warm < clipping_recipes.TRAINED)
    assert most(warm < errors.min(axis=-1))
    assert most(adam["both"].final_test_error < clipping_recipes.TRAINED)
    assert most(adam["neither"].final_test_error > clipping_recipes.TRAINED)


def test_the_thresholds_there_clip_nearly_all_some_and_few_steps(adam):
    clipping = adam["clipping"].gradient_norm
    thresholds = np.array(clipping_recipes.ADAM_THRESHOLDS)[:, None]
    shares = (clipping > thresholds).mean(axis=(0, -1))
    assert shares[0] > 0.9 > shares[1] > 0.25 > shares[2]


@pytest.mark.parametrize(
    "make",
    [
        clipping_recipes.figure_9,
        clipping_recipes.survival,
        clipping_recipes.spikes,
        clipping_recipes.warmup_or_clipping,
    ],
)
def test_a_figure_that_is_stopped_starts_no_further_run(make):
    starts_no_further_run(make)


def test_a_single_run_that_a_slider_stops_comes_back_as_it_is():
    record = clipping_recipes.train([0], BETTER, lambda done, total, record: done == 7)
    assert record.steps_done.tolist() == [[7]]


def test_bad_input_is_refused(four, survival):
    with pytest.raises(ValueError, match="threshold must be above 0, but 0 came"):
        clipping_recipes.effective_rate(four["better threshold"], 0)
    with pytest.raises(ValueError, match="rule must be one of sgd, momentum"):
        clipping_recipes.one_eighth("adagrad", 8, [0])
    with pytest.raises(ValueError, match="record must be of at least one rate at which every seed survives"):
        clipping_recipes.highest_surviving(four["no clipping"])
