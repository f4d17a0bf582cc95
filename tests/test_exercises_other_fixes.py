"""The self-checks of lesson 06 (playbook X1–X6): right answers are right, and what is wrong is told."""

import statistics

import numpy as np
import pytest

from stability_ref import exercises
from stability_ref.diagnosis import Log
from stability_ref.diagnosis.fixes import FIXES
from stability_ref.diagnosis.report import diagnose
from stability_ref.exercises import other_fixes, tuned, usable_rates


def with_where(momentum_errors, adam_errors):
    momentum, adam = (
        np.median(np.where(np.isnan(errors), 1, errors), axis=0).min()
        for errors in (momentum_errors, adam_errors)
    )
    return momentum / adam


def with_loops(momentum_errors, adam_errors):
    best = []
    for errors in (momentum_errors, adam_errors):
        rates = [[1.0 if error != error else error for error in rate] for rate in errors.T.tolist()]
        best.append(min(statistics.median(rate) for rate in rates))
    return best[0] / best[1]


def in_float32(momentum_errors, adam_errors):
    return with_where(momentum_errors.astype(np.float32), adam_errors.astype(np.float32))


@pytest.mark.parametrize("right", [with_where, with_loops, in_float32])
def test_a_fair_comparison_is_right(right, capsys):
    verdict = exercises.check_fair_comparison(right)
    assert verdict.right
    assert capsys.readouterr().out == verdict.sentence + "\n"


@pytest.mark.parametrize("usual", tuned.COMPARISONS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_a_comparison_is_named(usual):
    verdict = exercises.check_fair_comparison(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def fills_in_place(momentum_errors, adam_errors):
    momentum_errors[np.isnan(momentum_errors)] = 1
    return with_where(momentum_errors, adam_errors)


COMPARISONS = {
    "Almost: the answers agree, but momentum_errors is overwritten in place.": fills_in_place,
    "Both stand at the place of one optimizer's best rate": lambda m, a: (
        np.median(m, 0)[np.nanargmin(np.median(m, 0))] / np.median(a, 0)[np.nanargmin(np.median(m, 0))]
    ),
    "The best single run wins": lambda m, a: m[~np.isnan(m)].min() / a[~np.isnan(a)].min(),
    "One NaN makes the median NaN": lambda m, a: min(np.median(m, axis=0)) / np.median(a, axis=0).min(),
    "A seed that diverged is passed over": lambda m, a: (
        min(np.nanmedian(m, axis=0)) / min(np.nanmedian(a, axis=0))
    ),
    "A run that diverged counts as inf": lambda m, a: (
        np.median(np.nan_to_num(m, nan=np.inf), axis=0).min()
        / np.median(np.nan_to_num(a, nan=np.inf), axis=0).min()
    ),
    "it stops with TypeError": lambda errors: errors.min(),
    "it returns [0.34, 0.26, NaN], not one number": lambda m, a: np.median(m, axis=0),
    "it answers 9, not 2. It looks like none of the mistakes": lambda m, a: 9.0,
    "it returns None. Does it end with return?": lambda m, a: None,
}


@pytest.mark.parametrize("says", COMPARISONS)
def test_what_is_wrong_with_a_comparison_is_told(says):
    verdict = exercises.check_fair_comparison(COMPARISONS[says])
    assert not verdict.right
    assert says in verdict.sentence


EARLY = ["warmup", "clipping", "optimizer", "architecture", "zero branches", "lower rate"]
MID = ["clipping", "warmup", "optimizer", "architecture", "zero branches", "lower rate"]


def ordered(kind):
    return EARLY if kind == "early" else MID


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_a_right_order_is_right(kind):
    assert exercises.check_first_fix(lambda when: kind(ordered(when))).right


def test_every_fix_of_the_diagnosis_has_its_word():
    assert list(other_fixes.WORDS) == [fix.clause for fix in FIXES]
    assert list(other_fixes.WORDS.values()) == EARLY


@pytest.mark.parametrize(("since", "order"), [(4, EARLY), (300, MID)], ids=["early", "in mid training"])
def test_the_order_is_the_one_that_a_diagnosis_gives(since, order):
    steps = np.arange(600)
    report = diagnose(Log(2.3 * np.exp(-steps / 50) + 40 * ((steps >= since) & (steps < since + 9))))
    assert [other_fixes.WORDS[fix.clause] for fix in report.fixes] == order


@pytest.mark.parametrize("usual", other_fixes.ORDERS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_the_order_is_named(usual):
    verdict = exercises.check_first_fix(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


ORDERS = {
    "A lower learning rate is the last resort": lambda kind: sorted(ordered(kind), key="lower rate".__ne__),
    "in mid training, \"warmup\" stands where \"clipping\" belongs. It looks like this mistake: Warmup": (
        lambda kind: EARLY
    ),
    "where the loss goes up early, \"clipping\" stands where \"warmup\" belongs": lambda kind: MID,
    '"clipping" is missing': lambda kind: EARLY[:1],
    'it names "warmup" 2 times': lambda kind: [*EARLY, "warmup"],
    '"optimizer" stands where "clipping" belongs. It looks like none': (
        lambda kind: ["warmup", "optimizer", "clipping", *EARLY[3:]]
    ),
    "it returns 'warmup', not a list of fixes": lambda kind: "warmup",
    "it returns [], not a list of fixes": lambda kind: [],
    "'Adam' is none of \"warmup\", \"clipping\", \"optimizer\"": lambda kind: ["warmup", "Adam"],
    "1 is none of": lambda kind: [1, 2],
    "it stops with KeyError": lambda kind: {"late": EARLY}[kind],
}  # fmt: skip


@pytest.mark.parametrize("says", ORDERS)
def test_what_is_wrong_with_an_order_is_told(says):
    verdict = exercises.check_first_fix(ORDERS[says])
    assert not verdict.right
    assert says in verdict.sentence


def with_nanmin(rates, errors):
    if np.isnan(errors).all():
        return None
    usable = rates[errors <= 2 * np.nanmin(errors)]
    return usable.max() / usable.min()


def with_a_loop(rates, errors):
    survived = [(rate, error) for rate, error in zip(rates, errors, strict=True) if error == error]
    best = min((error for _, error in survived), default=None)
    usable = [rate for rate, error in survived if error / best <= 2]
    return max(usable) / min(usable) if usable else None


@pytest.mark.parametrize("right", [with_nanmin, with_a_loop])
def test_a_right_span_is_right(right):
    assert exercises.check_usable_span(right).right


@pytest.mark.parametrize("usual", usable_rates.SPANS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_a_span_is_named(usual):
    verdict = exercises.check_usable_span(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


SPANS = {
    "One NaN makes the smallest error NaN": lambda rates, errors: (
        max(rates[errors <= 2 * np.min(errors)]) / min(rates[errors <= 2 * np.min(errors)])
    ),
    "at most twice allows it": lambda rates, errors: (
        max(rates[errors < 2 * np.nanmin(errors)]) / min(rates[errors < 2 * np.nanmin(errors)])
    ),
    "where every run diverged, it stops with": lambda rates, errors: (
        with_nanmin(rates, errors) or rates[errors > 0][0]
    ),
    "it returns an array of shape (6,), not one number": lambda rates, errors: rates / rates.min(),
}


@pytest.mark.parametrize("says", SPANS)
def test_what_is_wrong_with_a_span_is_told(says):
    verdict = exercises.check_usable_span(SPANS[says])
    assert not verdict.right
    assert says in verdict.sentence


RIGHT_PAIRS = [
    lambda plain, first, second, both: both / max(first, second),
    lambda plain, first, second, both: min(both / first, both / second),
    lambda plain, first, second, both: np.float32(both) / np.maximum(plain, np.maximum(first, second)),
]


@pytest.mark.parametrize("right", RIGHT_PAIRS)
def test_a_right_pair_gain_is_right(right):
    assert exercises.check_pair_gain(right).right


@pytest.mark.parametrize("usual", other_fixes.PAIR_GAINS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_a_pair_is_named(usual):
    verdict = exercises.check_pair_gain(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


PAIRS = {
    "takes the credit that belongs to its better half": lambda plain, *fixed: fixed[-1] / plain,
    "do not raise it to 1": lambda plain, first, second, both: max(both, first, second) / max(first, second),
    "it returns True, not one number": lambda plain, first, second, both: both > max(first, second),
}


@pytest.mark.parametrize("says", PAIRS)
def test_what_is_wrong_with_a_pair_is_told(says):
    verdict = exercises.check_pair_gain(PAIRS[says])
    assert not verdict.right
    assert says in verdict.sentence
