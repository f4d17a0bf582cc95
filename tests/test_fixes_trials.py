"""What lesson 06 claims of the fixes X1 to X6, over seeds: orderings, never a digit (playbook X1 to X6)."""

import json

import numpy as np
import pytest
from claims import most, nearly_all

from experiments import fix_runs
from stability_ref import fixes_tables, fixes_trials
from stability_ref.diagnosis.one_run import EARLY, MID
from stability_ref.fixes_recipes import (
    ALONE,
    COMPARED,
    FIXES,
    FOR_X3,
    PAIRS,
    SICK,
    SINGLE,
    VALIDATION,
    HeldOutDigits,
    applies,
    problem_of,
    together,
)
from stability_ref.fixes_trials import RATES, Outcome
from stability_ref.problems import DigitsProblem, load_digits

FEW = 2.0 ** np.arange(-11, 0, 2)  # enough for an order
STORED_SEEDS = 5
HELD_BACK = ("no norm", "post-norm", "bad batches")


@pytest.fixture(scope="module")
def stored():
    return fixes_tables.by_name(fix_runs.load())


@pytest.fixture(scope="module")
def no_norm(seeds):
    fixes = (ALONE, "warmup", "clipping", "usual start", "pre-norm")
    return {fix: fixes_trials.sweep("no norm", fix, seeds, rates=FEW) for fix in fixes}


@pytest.fixture(scope="module")
def bad_batches(seeds):
    fixes = (ALONE, "warmup", "clipping", "pre-norm", "ReZero", "clipping + ReZero", "warmup + ReZero")
    return {fix: fixes_trials.sweep("bad batches", fix, seeds, rates=RATES[5:]) for fix in fixes}


@pytest.fixture(scope="module")
def out_of_scale(seeds):
    return {fix: fixes_trials.sweep("inputs out of scale", fix, seeds, rates=FEW) for fix in FOR_X3}


def errors(outcomes, fix):
    return outcomes[fix].best_errors


# --- Early instability --------------------------------------------------------------------------------------


def test_without_a_norm_every_fix_makes_higher_rates_usable(no_norm):
    """X1, X2, X4: the rate and the error are both better than with a lower rate alone (X6)."""
    for fix in ("clipping", "usual start", "pre-norm"):
        assert nearly_all(no_norm[fix].highest > no_norm[ALONE].highest)
        assert nearly_all(errors(no_norm, fix) < errors(no_norm, ALONE))


def test_there_the_cause_is_worth_more_than_the_symptom(no_norm):
    """X4 before X1: the usual start and the norm leave lower errors than warmup."""
    for cure in ("usual start", "pre-norm"):
        assert nearly_all(errors(no_norm, cure) < errors(no_norm, "warmup"))


def test_there_clipping_reaches_further_than_warmup(no_norm):
    assert nearly_all(no_norm["clipping"].highest > no_norm["warmup"].highest)


def test_an_early_instability_is_called_early_and_one_of_mid_training_so(seeds):
    """D4, at twice the largest rate that is usable without a fix."""
    for net, rate, verdict in (
        ("no norm", 2.0**-8, EARLY),
        ("sick twin", 2.0**-1, EARLY),
        ("bad batches", 2.0**-4, MID),
        ("post-norm", 2.0**-7, "stable"),  # it stays at guessing, and no loss goes up
    ):
        assert most([finding.verdict == verdict for finding in fixes_trials.symptoms(net, rate, seeds)])


# --- Mid training -------------------------------------------------------------------------------------------


def test_against_bad_batches_clipping_and_a_norm_help(bad_batches):
    """X2, X4 and C6."""
    for fix in ("clipping", "pre-norm"):
        assert nearly_all(bad_batches[fix].highest > bad_batches[ALONE].highest)
        assert most(errors(bad_batches, fix) < errors(bad_batches, ALONE))


def test_against_bad_batches_warmup_is_wasted(bad_batches):
    """X1 is for early instability: it widens nothing here, alone or with ReZero."""
    for plain, warm in ((ALONE, "warmup"), ("ReZero", "warmup + ReZero")):
        assert most(bad_batches[warm].highest <= bad_batches[plain].highest)
        assert most(errors(bad_batches, warm) > errors(bad_batches, "clipping"))


def test_clipping_does_for_rezero_what_warmup_does_not(bad_batches):
    """X2 and X5 as a pair."""
    assert nearly_all(bad_batches["clipping + ReZero"].highest > bad_batches["ReZero"].highest)


# --- Adam and Momentum (X3) ---------------------------------------------------------------------------------


def test_with_inputs_out_of_scale_adam_manages_what_momentum_cannot(out_of_scale):
    momentum, warm, adam = (errors(out_of_scale, fix) for fix in (ALONE, "warmup", "Adam"))
    assert nearly_all(adam < 0.6 * momentum)
    assert nearly_all(momentum - warm < (momentum - adam) / 4)  # warmup does not close the gap


def test_with_the_inputs_rescaled_momentum_beats_adam_on_the_others(out_of_scale):
    """X4 before X3."""
    for fix in ("Adam", "warmup + Adam"):
        assert nearly_all(errors(out_of_scale, "usual start") < errors(out_of_scale, fix) / 2)


def test_without_a_norm_most_of_adam_s_gain_is_what_warmup_gives_momentum(stored):
    found = {fix: stored["16 blocks, no norm", fix] for fix in FOR_X3[:-1]}
    momentum, warm, adam, both = (errors(found, fix) for fix in FOR_X3[:-1])
    assert nearly_all(adam < momentum)
    assert np.median(momentum - warm) > np.median(momentum - adam) / 2
    assert most(both < warm)


# --- All of it, as stored -----------------------------------------------------------------------------------


@pytest.mark.parametrize("net", HELD_BACK)
def test_clipping_ends_lower_than_warmup_and_warmup_adds_little_to_it(stored, net):
    clipped, warm, both = (
        stored[net, fix].best_errors for fix in ("clipping", "warmup", "warmup + clipping")
    )
    assert most(clipped < warm)
    assert np.median(both) > np.median(clipped) - 0.01


@pytest.mark.parametrize("net", ["no norm", "post-norm"])
def test_adam_and_warmup_together_are_better_than_either_against_early_instability(stored, net):
    either = np.minimum(stored[net, "warmup"].best_errors, stored[net, "Adam"].best_errors)
    assert most(stored[net, "warmup + Adam"].best_errors < either)


@pytest.mark.parametrize("net", HELD_BACK)
def test_the_web_edition_s_place_of_the_norm_reaches_as_far_as_the_readme_s(stored, net):
    """X4, the two editions."""
    last, first = (stored[net, fix].highest for fix in ("x + Norm(f(x))", "pre-norm"))
    assert nearly_all(last >= first)


def test_removing_the_norm_is_no_fix(stored):
    without, with_it = (stored["post-norm", fix].highest for fix in ("norm removed", ALONE))
    assert nearly_all(without < with_it)


@pytest.mark.parametrize("net", SICK)
def test_only_the_sick_twin_is_not_held_back(stored, net):
    """D9: elsewhere clipping lowers the error by more than two points, there by less than one."""
    gain = np.median(stored[net, ALONE].best_errors) - np.median(stored[net, "clipping"].best_errors)
    assert gain > 0.02 if net in HELD_BACK else abs(gain) < 0.01


@pytest.mark.parametrize("fix", ["warmup", "clipping", "Adam", "x + Norm(f(x))"])
def test_the_twin_s_usable_rates_grow_all_the_same(stored, fix):
    assert nearly_all(stored["sick twin", fix].highest > stored["sick twin", ALONE].highest)


# --- How they were made -------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", ["bad batches"])
def test_thresholds_are_those_of_clause_c3(net):
    assert fixes_trials.loose_threshold(net, range(10)) == pytest.approx(SICK[net].threshold, rel=0.1)


def test_stale_results_are_refused(monkeypatch):
    monkeypatch.setattr(fix_runs, "code_hash", lambda script: "another")
    with pytest.raises(ValueError, match=r"fix_runs\.npz is stale: run python -m experiments"):
        fix_runs.load()


@pytest.mark.parametrize("fix", [ALONE, "clipping"])
def test_the_script_makes_what_is_stored(stored, fix):
    """Made anew, at rates far from the edge: the same errors, but for an image or two."""
    rates = RATES[4:8]
    anew = fixes_trials.sweep("bad batches", fix, range(STORED_SEEDS), rates=rates)
    before = stored["bad batches", fix]
    np.testing.assert_allclose(anew.test, before.test[:, 4:8], atol=0.02)
    np.testing.assert_allclose(anew.validation, before.validation[:, 4:8], atol=0.02)


def test_what_is_made_is_what_is_saved_and_loaded(monkeypatch, tmp_path):
    made = []

    def sweep_all(seeds, nets, fixes):
        shape = (len(seeds), len(RATES))
        one = Outcome(*nets, ALONE, RATES, np.full(shape, 0.25), np.full(shape, 0.5))
        made.append((nets, tuple(fixes)))
        return [one]

    monkeypatch.setattr(fixes_trials, "sweep_all", sweep_all)
    monkeypatch.setattr(fix_runs, "STORED", tmp_path / "some.npz")
    fix_runs.main()
    assert made == [([net], tuple(FIXES)) for net in SICK] + [([net], FOR_X3) for net in COMPARED]
    again = fix_runs.load()
    assert [one.net for one in again] == [*SICK, *COMPARED]
    assert all((one.validation == 0.25).all() and (one.test == 0.5).all() for one in again)
    with np.load(fix_runs.STORED) as stored:
        assert len(json.loads(str(stored["labels"]))) == len(SICK) + len(COMPARED)


def test_everything_that_applies_is_stored(stored):
    expected = {(net, fix) for net in SICK for fix in FIXES if applies(net, FIXES[fix])}
    expected |= {(net, fix) for net in COMPARED for fix in FOR_X3 if applies(net, FIXES[fix])}
    assert set(stored) == expected
    assert {one.test.shape for one in stored.values()} == {(STORED_SEEDS, len(RATES))}


# --- The data of the recipes --------------------------------------------------------------------------------


def test_the_single_fixes_stand_in_the_playbook_s_order():
    clauses = [fix.clause for fix in SINGLE.values()]
    assert clauses == sorted(clauses)
    assert set(clauses) == {f"X{number}" for number in range(1, 7)}


def test_a_pair_changes_what_both_change():
    for name, pair in PAIRS.items():
        first, second = (SINGLE[each] for each in name.split(" + "))
        assert pair.warmup == (first.warmup or second.warmup)
        assert pair.clip == (first.clip or second.clip)
        assert pair.rule == ("adam" if "adam" in (first.rule, second.rule) else "momentum")
        assert {pair.block, None} == {first.block, second.block, None}
        assert pair.usual_start == (first.usual_start or second.usual_start)


def test_the_order_of_a_pair_does_not_matter_and_nothing_added_changes_nothing():
    for first in SINGLE:
        assert together(first, ALONE) == together(ALONE, first) == together(first, first) == SINGLE[first]
    assert together("Adam", "clipping")._replace(clause="") == PAIRS["clipping + Adam"]._replace(clause="")


def test_a_fix_changes_the_network_as_it_says():
    sizes = {fix: problem_of("no norm", FIXES[fix]).size for fix in (ALONE, "warmup", "pre-norm", "ReZero")}
    assert sizes["warmup"] == sizes[ALONE]
    assert sizes["pre-norm"] == sizes[ALONE] + 13 * 64  # twelve norms and the final one
    assert sizes["ReZero"] == sizes[ALONE] + 12
    usual, sick = (problem_of("post-norm", FIXES[fix]).initial(0) for fix in ("usual start", ALONE))
    np.testing.assert_allclose(12 * usual[-330:-10], sick[-330:-10], rtol=1e-6)  # the head's weights


def test_the_held_out_images_are_split_and_add_up():
    problem = HeldOutDigits(block="plain", blocks=1, dtype=np.float64)
    theta = np.stack([problem.initial(seed) for seed in range(3)])
    validation, test = problem.held_out_errors(theta)
    every = len(load_digits().test_labels)
    together_ = (VALIDATION * validation + (every - VALIDATION) * test) / every
    np.testing.assert_allclose(together_, problem.evaluate(theta).test_error)
    assert problem.held_out_errors(np.full((2, 3, problem.size), np.nan)).tolist() == [[[1] * 3] * 2] * 2


def test_scaled_inputs_are_scaled_in_training_and_in_the_test():
    scales = np.geomspace(0.1, 10, 64)
    usual = DigitsProblem("plain", blocks=1, dtype=np.float64)
    scaled = HeldOutDigits(block="plain", blocks=1, dtype=np.float64, input_scales=scales)
    theta = usual.initial(0)
    undone = theta.copy()
    undone[: 64 * 32] = (theta[: 64 * 32].reshape(64, 32) / scales[:, None]).ravel()
    rows = usual.batches(0, 1)
    for one, other in (
        (usual.loss_and_gradient(theta[None], rows)[0], scaled.loss_and_gradient(undone[None], rows)[0]),
        (usual.evaluate(theta[None]), scaled.evaluate(undone[None])),
    ):
        np.testing.assert_allclose(one, other)


def outcome(errors, fix=ALONE, net="net"):
    errors = np.array(errors, dtype=float)
    return Outcome(net, fix, 2.0 ** np.arange(errors.shape[1]), errors, errors / 2)


def test_usable_rates_end_at_the_first_that_fails():
    one = outcome([[0.5, 0.1, 0.1, 0.9, 0.1], [0.1, 0.1, 0.1, 0.1, 0.1], [0.2] * 5])
    assert one.usable.tolist() == [[False, True, True, False, False], [True] * 5, [False] * 5]
    assert one.highest.tolist() == [4, 16, 0]
    assert one.span.tolist() == [2, 16, 0]


def test_the_best_rate_is_one_at_which_no_seed_breaks():
    one = outcome([[0.1, 0.01], [0.1, 0.01], [0.1, 1.0]])
    assert one.best == 0
    assert one.best_errors.tolist() == [0.05] * 3


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="a network must be one of no norm, post-norm"):
        fixes_trials.sweep("another", ALONE, [0])
    with pytest.raises(ValueError, match="a fix must be one of warmup, clipping"):
        fixes_trials.sweep("no norm", "another", [0])
    with pytest.raises(ValueError, match="a fix must be one that applies to sick twin"):
        fixes_trials.sweep("sick twin", "pre-norm", [0])
    with pytest.raises(ValueError, match="rates must be rising"):
        fixes_trials.sweep("no norm", ALONE, [0], rates=[2, 1])
    with pytest.raises(ValueError, match="a pair of fixes must be of at most one other block"):
        together("pre-norm", "ReZero")
    with pytest.raises(ValueError, match="input_scales must be 64 numbers"):
        HeldOutDigits(input_scales=[1.0])
    with pytest.raises(ValueError, match="measure must be one of summary, rates, error"):
        fixes_tables.rows([], "loss")


def test_a_sweep_that_is_stopped_makes_no_outcome():
    with pytest.raises(KeyboardInterrupt, match="stopped before"):
        fixes_trials.sweep("bad batches", ALONE, [0], on_step=lambda *_: True)


# --- Tables -------------------------------------------------------------------------------------------------


def test_a_row_says_what_a_fix_buys():
    some = [
        outcome([[0.1, 0.9, 0.9], [0.1, 0.9, 0.9]]),
        outcome([[0.1, 0.04, 0.08], [0.1, 0.02, 0.08]], "clipping"),
        outcome([[0.5, 0.04, 0.08], [0.5, 0.04, 0.08]], "Adam"),
        outcome([[0.1, 0.9, 0.9]] * 2, ALONE, "other"),
    ]
    summary = {row[""]: (row["net"], row["other"]) for row in fixes_tables.rows(some)}
    assert summary == {
        "clipping (X2)": ("× 4, 1 : 4; 1.5 %", "–"),
        "Adam (X3)": ("1 : 2; 2.0 %", "–"),
        "lower rate only (X6)": ("× 1, 1 : 1; 5.0 %", "× 1, 1 : 1; 5.0 %"),
    }
    told = {measure: fixes_tables.rows(some, measure)[0]["net"] for measure in ("rates", "error")}
    assert told == {"rates": "2, up to 4 or more", "error": "1.5 % (1.0 – 2.0)"}
