"""What lesson 07 claims of batch sizes (playbook B1–B5), over seeds: on stored sweeps, and trained anew."""

import numpy as np
import pytest
from claims import most, nearly_all, starts_no_further_run

from experiments import batch_runs
from stability_ref import batch_recipes
from stability_ref.batch_figures import fixed_error, tuned_error
from stability_ref.batch_recipes import (
    BATCH_SIZES,
    FIXED_RATE,
    NOISY_BATCH_SIZES,
    PENALTIES,
    RATES,
    TARGET,
    MislabelledDigits,
    Sweep,
    chosen,
    tuned,
)
from stability_ref.problems import DigitsProblem

IMAGE = 1 / 597  # one of the validation images


@pytest.fixture(scope="module")
def sweep():
    """Of ten seeds, whatever --seeds says."""
    return batch_runs.load()[0]


@pytest.fixture(scope="module")
def penalties():
    return batch_runs.load()[1]


@pytest.fixture(scope="module")
def anew(seeds):
    """One curve of the sweep, as the lesson trains it again."""
    return batch_recipes.measure(64, seeds)


def at(batch_size, values, sizes=BATCH_SIZES):
    return values[:, sizes.index(batch_size)]


# --- Validation error ---------------------------------------------------------------------------------------


def test_the_fixed_rate_is_the_best_for_a_small_batch(sweep):
    place = tuned(sweep.equal_epochs)[BATCH_SIZES.index(8)]
    assert RATES[place] == FIXED_RATE


def test_changing_the_batch_size_alone_changes_validation_error(sweep):
    """B1: on either side of the batch size that the rate was tuned for."""
    error = fixed_error(sweep)
    for batch_size in (2, 4, 128, 256, 512, 1024):
        assert nearly_all(at(batch_size, error) > 1.3 * at(8, error))
    assert nearly_all(np.diff(error[:, BATCH_SIZES.index(64) :], axis=1).min(axis=1) > 0)


def test_tuning_the_rate_undoes_it_up_to_a_batch_size_of_128(sweep):
    """B2: medians within a hundredth, where at one rate they are twenty times as far apart."""
    medians = np.median(chosen(sweep.equal_epochs, tuned(sweep.equal_epochs)), axis=0)
    until = BATCH_SIZES.index(128) + 1
    assert np.ptp(medians[:until]) < 0.01
    assert np.ptp(np.median(fixed_error(sweep), axis=0)[:until]) > 20 * np.ptp(medians[:until])


def test_what_tuning_the_rate_leaves_open_is_too_few_steps(sweep):
    """B4: eight steps are too few at any rate, and 256 are enough."""
    short = chosen(sweep.equal_epochs, tuned(sweep.equal_epochs))
    assert nearly_all(at(1024, short) > at(128, short) + 0.01)
    assert nearly_all(at(1024, tuned_error(sweep)) < at(1024, short))


def test_with_all_of_it_tuned_no_batch_size_is_better(sweep):
    """B5: medians within three images; small and large batches differ by that in nearly no seed."""
    error = tuned_error(sweep)
    assert np.ptp(np.median(error, axis=0)) < 3 * IMAGE
    large = np.array(BATCH_SIZES) >= 64
    difference = error[:, large].mean(axis=1) - error[:, ~large].mean(axis=1)
    assert nearly_all(abs(difference) < 3 * IMAGE)
    assert abs(np.median(difference)) < IMAGE


def test_best_rates_are_inside_the_grid(sweep):
    for values in sweep:
        assert (tuned(values) > 0).all()
        assert (tuned(values) < len(RATES) - 1).all()


# --- Steps to the target ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def steps(sweep):
    return chosen(sweep.steps_to_target, tuned(sweep.steps_to_target))


def test_every_run_at_its_tuned_rate_reaches_the_target(steps):
    assert np.isfinite(steps).all()


def test_small_batches_scale_nearly_perfectly(steps):
    """From 2 to 16 images, an eighth of the steps if it were perfect."""
    assert nearly_all(at(2, steps) > 3 * at(16, steps))
    perfect = batch_recipes.perfect_scaling(np.median(at(2, steps)))
    assert np.median(at(16, steps)) < 1.5 * perfect[BATCH_SIZES.index(16)]


def test_then_returns_diminish(steps):
    """From 128 to 1024 images: not half the steps for eight times the batch, far above the line."""
    medians = np.median(steps, axis=0)
    perfect = batch_recipes.perfect_scaling(medians[0])
    assert at(128, medians[None])[0] < 4 * medians[-1]
    assert medians[-1] > 5 * perfect[-1]
    assert 16 <= batch_recipes.bend(medians) <= 128


def test_without_tuning_larger_batches_save_nothing(sweep):
    fixed = batch_recipes.at_fixed_rate(sweep.steps_to_target)
    assert np.isinf(np.median(fixed, axis=0)[:2]).all()
    medians = np.median(fixed[:, BATCH_SIZES.index(32) :], axis=0)
    assert medians.min() > 0.75 * medians.max()
    best = chosen(sweep.steps_to_target, tuned(sweep.steps_to_target))
    assert nearly_all(at(1024, fixed) > 3 * at(1024, best))


def test_the_best_rate_grows_with_the_batch_and_then_no_further(sweep):
    """Linear scaling: from 2 to 32 images 16 times, give or take a place; from 128 on at most 2."""
    best = np.log2(RATES[tuned(sweep.steps_to_target)])
    assert 3 <= best[BATCH_SIZES.index(32)] - best[0] <= 5
    assert best[-1] - best[BATCH_SIZES.index(128)] <= 1
    assert (np.diff(best) >= 0).all()


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_a_count_of_steps_is_right_to_a_tenth(batch_size, steps):
    assert batch_recipes.resolution(batch_size) <= 0.1 * np.median(at(batch_size, steps))


# --- Regularisation -----------------------------------------------------------------------------------------


def test_small_batches_regularise(penalties):
    """B3: without a penalty the error rises with the batch size, in every seed from the smallest on."""
    plain = penalties[..., 0]
    assert (np.diff(np.median(plain, axis=0)) > -0.005).all()
    assert nearly_all(at(1024, plain, NOISY_BATCH_SIZES) > 1.5 * at(8, plain, NOISY_BATCH_SIZES))
    assert nearly_all(at(64, plain, NOISY_BATCH_SIZES) > at(8, plain, NOISY_BATCH_SIZES))


def test_a_tuned_penalty_closes_the_gap(penalties):
    """B2, B3: the medians with the best λ for each differ by a tenth of what they do without."""
    medians = np.median(chosen(penalties, tuned(penalties)), axis=0)
    plain = np.median(penalties[..., 0], axis=0)
    assert np.ptp(medians) < 0.1 * np.ptp(plain)
    assert medians.max() < 0.6 * plain.min()
    assert (tuned(penalties) < len(PENALTIES) - 1).all()


def test_large_batches_need_more_of_it(penalties):
    """B3: the smallest λ that brings the error down to 6 %; nearly all seeds need as much or more."""
    enough = (penalties <= 0.06).argmax(axis=-1)
    small, large = at(8, enough, NOISY_BATCH_SIZES), at(1024, enough, NOISY_BATCH_SIZES)
    assert (penalties.min(axis=-1) <= 0.06).all()
    assert nearly_all(small <= large)
    assert most(small < large)


def test_noise_regularises_when_it_is_trained_anew(seeds):
    """Live, at sizes that are quick: 8 against 64, without a penalty and with one."""
    errors = {
        (size, l2): batch_recipes.train_noisy(size, l2, seeds).final_test_error[:, 0]
        for size in (8, 64)
        for l2 in (0.0, 2.0**-5)
    }
    assert nearly_all(errors[8, 0.0] < errors[64, 0.0])
    gaps = {l2: np.median(errors[64, l2]) - np.median(errors[8, l2]) for l2 in (0.0, 2.0**-5)}
    assert abs(gaps[2.0**-5]) < 0.25 * gaps[0.0]


def test_noise_falls_as_the_batch_grows(seeds):
    """B3: the mean square distance from the full gradient goes with 1/B − 1/N where no image comes twice."""
    noise = {size: batch_recipes.gradient_noise(size, seeds) for size in (8, 32, 256)}
    for size in (8, 32, 256):
        expected = (1 / size - 1 / 1024) / (1 / 32 - 1 / 1024)
        np.testing.assert_allclose(noise[size].mean() / noise[32].mean(), expected, rtol=0.15)


# --- How they were made -------------------------------------------------------------------------------------


def test_stale_results_are_refused(monkeypatch):
    monkeypatch.setattr(batch_runs, "code_hash", lambda script: "another")
    with pytest.raises(ValueError, match=r"batch_runs\.npz is stale: run python -m experiments\.batch_runs"):
        batch_runs.load()


def test_stored_results_are_of_ten_seeds_and_of_everything(sweep, penalties):
    assert {values.shape for values in sweep} == {(10, len(BATCH_SIZES), len(RATES))}
    assert penalties.shape == (10, len(NOISY_BATCH_SIZES), len(PENALTIES))


def test_the_script_makes_what_is_stored(sweep, anew):
    """Trained anew: the same to two images where a rate trains, for as many seeds as both have."""
    place = slice(BATCH_SIZES.index(64), BATCH_SIZES.index(64) + 1)
    kept = min(len(anew.equal_epochs), len(sweep.equal_epochs))
    stable = RATES <= 0.5
    for name in ("equal_epochs", "enough_steps"):
        ours, stored = (getattr(each, name)[:kept] for each in (anew, Sweep(*(v[:, place] for v in sweep))))
        np.testing.assert_allclose(ours[..., stable], stored[..., stable], atol=2.5 * IMAGE)
    assert most(anew.steps_to_target[:kept][..., stable] == sweep.steps_to_target[:kept, place][..., stable])


def test_a_run_that_is_stopped_goes_on_where_it_was(monkeypatch, tmp_path):
    made = []

    def part(name):
        def make():
            if name == "b" and len(made) == 1:
                raise KeyboardInterrupt
            made.append(name)
            return {name: np.arange(3)}

        return make

    monkeypatch.setattr(batch_runs, "parts", lambda: {name: part(name) for name in "abc"})
    monkeypatch.setattr(batch_runs, "STORED", tmp_path / "stored.npz")
    monkeypatch.setattr(batch_runs, "PARTIAL", tmp_path / "partial.npz")
    with pytest.raises(KeyboardInterrupt):
        batch_runs.main()
    made.append("stopped")
    batch_runs.main()
    assert made == ["a", "stopped", "b", "c"]
    with np.load(tmp_path / "stored.npz") as stored:
        assert set(stored) == {"a", "b", "c", "code"}
    assert not (tmp_path / "partial.npz").exists()


def test_an_epoch_holds_every_example_once():
    for batch_size in (2, 64, 1024):
        problem = batch_recipes.net(batch_size)
        rows = problem.batches(0, 1024 // batch_size)
        assert sorted(rows.ravel()) == list(range(1024))


def test_equal_epochs_are_equally_many_images(anew):
    assert batch_recipes.EPOCHS * 1024 / 64 == 128
    record = batch_recipes.train(64, 0.5, [0])
    np.testing.assert_array_equal(
        batch_recipes.error_after(record, 128)[0, 0], anew.equal_epochs[0, 0, RATES == 0.5][0]
    )


def test_as_many_labels_are_wrong_as_is_said_and_none_of_the_test():
    right = DigitsProblem(examples=1000, batch_size=10)
    wrong = MislabelledDigits(0.2, examples=1000, batch_size=10)
    differ = (right._targets != wrong._targets).any(axis=1)
    assert differ.sum() == 200
    assert (wrong._targets.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(right._test_targets, wrong._test_targets)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="batch_size must be one of"):
        batch_recipes.train(3, 0.1, [0])
    with pytest.raises(ValueError, match="batch_size must be one of"):
        batch_recipes.train_noisy(4, 0.0, [0])
    with pytest.raises(ValueError, match="wrong must be a share"):
        MislabelledDigits(1.5)
    with pytest.raises(ValueError, match="steps must be one of the evaluated ones"):
        batch_recipes.error_after(batch_recipes.train(16, 0.1, [0], steps=8), 3)


def test_no_curve_comes_of_a_run_that_is_stopped():
    starts_no_further_run(lambda seeds, on_step: batch_recipes.measure(512, seeds, on_step))
    starts_no_further_run(lambda seeds, on_step: batch_recipes.regularised(512, seeds, on_step))


def test_the_target_is_one_that_all_can_reach():
    assert IMAGE < TARGET
