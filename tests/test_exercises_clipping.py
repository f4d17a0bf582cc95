"""The self-checks of lesson 04: right answers are right, and what is wrong is told for what it is.

The clauses C1–C3 and C5.
"""

import math

import numpy as np
import pytest

from stability_ref import clipping, exercises
from stability_ref.exercises import clipping as clipping_exercises
from stability_ref.exercises import thresholds
from stability_ref.mistakes import MISTAKES
from stability_ref.schedules import constant
from stability_ref.training import run

OF_CLIP = [name for name, mistake in MISTAKES.items() if mistake.target == "clip"]
ONLY_IN_STACKED_TRIALS = "clip_all_trials_together"  # one gradient alone does not show it
IN_THE_NORM = "clip_returns_the_clipped_norm"


def by_hand(g, threshold):
    norm = math.sqrt(sum(x * x for x in g))
    return [x * threshold / norm for x in g] if norm > threshold else list(g)


def in_float32(g, threshold):
    return clipping.clip(g.astype(np.float32), threshold)


def without_the_norm(g, threshold):
    return clipping.clip(g, threshold)[0]


@pytest.mark.parametrize("right", [clipping.clip, without_the_norm, by_hand, in_float32])
def test_a_right_clip_is_right(right, capsys):
    verdict = exercises.check_clip(right)
    assert verdict.right
    assert capsys.readouterr().out == verdict.sentence + "\n"


@pytest.mark.parametrize("name", sorted(set(OF_CLIP) - {ONLY_IN_STACKED_TRIALS, "clip_overwrites"}))
def test_a_known_mistake_with_clipping_is_named(name):
    verdict = exercises.check_clip(MISTAKES[name].function)
    assert not verdict.right
    assert MISTAKES[name].says in verdict.sentence


@pytest.mark.parametrize(
    "name", sorted(set(OF_CLIP) - {ONLY_IN_STACKED_TRIALS, IN_THE_NORM, "clip_overwrites"})
)
def test_it_is_named_where_the_norm_is_not_returned_too(name):
    verdict = exercises.check_clip(lambda g, threshold: MISTAKES[name].function(g, threshold)[0])
    assert not verdict.right
    assert MISTAKES[name].says in verdict.sentence


def in_place(g, threshold):
    norm = np.linalg.norm(g)
    if norm > threshold:
        g *= threshold / norm
    return g


CLIPS = {
    "Almost: the answers agree, but g is overwritten in place.": in_place,
    "Every gradient gets the length λ": lambda g, threshold: threshold * g / np.linalg.norm(g),
    "Each coordinate is cut": lambda g, threshold: np.clip(g, -threshold, threshold),
    "with g = 0, it stops with ZeroDivisionError": lambda g, threshold: (
        g * min(1, threshold / float(np.linalg.norm(g)))
    ),
    "with g = 0, it answers [NaN, NaN, NaN], not [0, 0, 0]": lambda g, threshold: (
        g / np.linalg.norm(g) * min(np.linalg.norm(g), threshold)
    ),
    "its answer has the shape (), not (3,)": lambda g, threshold: np.linalg.norm(g),
    "it returns no norm, which it did before": lambda g, threshold: (
        clipping.clip(g, threshold) if np.linalg.norm(g) > threshold else g
    ),
    "the norm that it returns is 5, not 13. It looks like this mistake: The norm that is returned": (
        lambda g, threshold: (by_hand(g, threshold), np.linalg.norm(by_hand(g, threshold)))
    ),
    "it returns None. Does it end with return?": lambda g, threshold: None,
    "it stops with NameError": lambda g, threshold: g * undefined,  # noqa: F821
}


@pytest.mark.parametrize("says", CLIPS)
def test_what_is_wrong_with_a_clip_is_told(says):
    verdict = exercises.check_clip(CLIPS[says])
    assert not verdict.right
    assert says in verdict.sentence


def sorted_by_hand(norms):
    if not np.isfinite(norms).all():
        raise ValueError("take the norms of a run that survived")
    return sorted(norms)[int(0.9 * len(norms))]


@pytest.mark.parametrize("right", [clipping.threshold_at_percentile, sorted_by_hand])
def test_a_right_threshold_is_right(right):
    assert exercises.check_threshold(right).right


@pytest.mark.parametrize("usual", thresholds.THRESHOLDS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_the_threshold_is_named(usual):
    verdict = exercises.check_threshold(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def refusing(percentile):
    def threshold(norms):
        if not np.isfinite(norms).all():
            raise ValueError("NaN")
        return percentile(norms)

    return threshold


THRESHOLDS = {
    "0.9 is not yet the first percentile": refusing(lambda norms: np.percentile(norms, 0.9)),
    "It takes the largest norm": refusing(max),
    "NaN comes through": lambda norms: np.quantile(norms, 0.9),
    "NaN is passed over": lambda norms: np.nanquantile(norms, 0.9),
    "where the last norms are NaN, it stops with KeyError": lambda norms: (
        np.quantile(norms, 0.9) if np.isfinite(norms).all() else {}["run"]
    ),
    "it returns an array of shape (21,), not one number": lambda norms: np.sqrt(norms),
}


@pytest.mark.parametrize("says", THRESHOLDS)
def test_what_is_wrong_with_a_threshold_is_told(says):
    verdict = exercises.check_threshold(THRESHOLDS[says])
    assert not verdict.right
    assert says in verdict.sentence


def counted(norms, threshold):
    return len([norm for norm in norms if norm > threshold]) / len(norms)


@pytest.mark.parametrize("right", [clipping.clipped_fraction, counted])
def test_a_right_share_is_right(right):
    assert exercises.check_clipped_share(right).right


@pytest.mark.parametrize("usual", thresholds.SHARES, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_the_share_is_named(usual):
    verdict = exercises.check_clipped_share(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


SHARES = {
    "it returns an array of shape (5,), not one number": lambda norms, threshold: norms > threshold,
    "it returns False, not one number": lambda norms, threshold: np.mean(norms > threshold) > 0.5,
    "it is the share that is not clipped": lambda norms, threshold: 1 - counted(norms, threshold),
}


@pytest.mark.parametrize("says", SHARES)
def test_what_is_wrong_with_a_share_is_told(says):
    verdict = exercises.check_clipped_share(SHARES[says])
    assert not verdict.right
    assert says.lower() in verdict.sentence.lower()


@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_a_right_pair_is_right(kind):
    assert exercises.check_same_run(
        lambda threshold, rate, factor: kind([threshold / factor, rate * factor])
    ).right


@pytest.mark.parametrize("usual", clipping_exercises.SAME_RUNS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_the_same_run_is_named(usual):
    verdict = exercises.check_same_run(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


PAIRS = {
    "not two numbers above 0": lambda threshold, rate, factor: rate * factor,
    "it returns (0.1, -1), not two numbers above 0": lambda threshold, rate, factor: (threshold / factor, -1),
    "the loss after 40 steps is": lambda threshold, rate, factor: (threshold / factor, rate + factor / 100),
}


@pytest.mark.parametrize("says", PAIRS)
def test_what_is_wrong_with_a_pair_is_told(says):
    verdict = exercises.check_same_run(PAIRS[says])
    assert not verdict.right
    assert says in verdict.sentence


@pytest.mark.parametrize("case", clipping_exercises.same_run_cases(), ids=lambda case: case.where)
def test_every_update_of_the_runs_that_are_compared_is_clipped(case):
    threshold, rate, _ = case.arguments
    record = run(
        clipping_exercises.bowl(),
        "momentum",
        constant(rate),
        clipping_exercises.STEPS,
        clip_threshold=threshold,
    )
    assert clipping.clipped_fraction(record.gradient_norm, threshold) == 1
