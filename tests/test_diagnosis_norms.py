"""What is said about gradient norms: outliers, a threshold to start from, the share that is clipped.

The clauses C3, C5 and D5.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_ref.clipping import clipped_fraction, threshold_at_percentile
from stability_ref.diagnosis import Log, judge_norms, norm_outliers
from stability_ref.diagnosis.one_run import EARLY, MID, Finding

NAN, INF = np.nan, np.inf
STABLE = Finding("stable")
HARMED = Finding(MID, since=60, harmed=True)
BACK = Finding(MID, since=60, back_at=70, harmed=False)


def judged(norms, finding=STABLE, **options):
    return judge_norms(Log(np.ones(len(norms)), gradient_norm=norms), finding, **options)


@pytest.mark.parametrize("seed", range(5))
def test_threshold_and_share_are_those_of_the_lesson_on_clipping(seed):
    norms = np.random.default_rng(seed).lognormal(size=300)
    norms[[7, 8]] = INF, NAN
    result = judged(norms, clip_threshold=1.3)
    assert result.threshold == threshold_at_percentile(norms[np.isfinite(norms)], 90)
    assert result.clipped == clipped_fraction(norms, 1.3)
    assert result.typical == pytest.approx(np.nanmedian(np.where(norms == INF, NAN, norms)))


@pytest.mark.parametrize(("above", "extreme"), [(49, False), (50, False), (51, True), (100, True)])
def test_more_than_half_is_extreme(above, extreme):
    """C5 says more than 50 %: half itself is not."""
    result = judged(np.where(np.arange(100) < above, 3.0, 1.0), clip_threshold=2.0)
    assert result.clipped == above / 100
    assert ("extremely aggressive" in result.advice[-1]) == extreme
    assert f"{above}% of the updates are clipped at 2" in result.advice[-1]
    assert "(C5)" in result.advice[-1]


def test_a_norm_at_the_threshold_is_not_clipped():
    assert judged(np.full(100, 2.0), clip_threshold=2.0).clipped == 0


def test_a_harmed_run_tells_by_the_norms_before_its_rise():
    norms = np.where(np.arange(100) < 60, 1.0, 50.0)
    assert judged(norms, HARMED).threshold == 1
    assert judged(norms, BACK).threshold == 50
    assert judged(norms).threshold == 50


@pytest.mark.parametrize(("since", "told"), [(0, False), (19, False), (20, True)])
def test_fewer_than_20_norms_before_harm_tell_no_threshold(since, told):
    result = judged(np.ones(100), Finding(EARLY, since=since, harmed=True))
    assert (result.threshold is not None) == told
    assert any("take the norms of the highest rate that survives (C3)" in a for a in result.advice) != told


def test_steps_not_places_tell_what_came_before_the_rise():
    log = Log(np.ones(100), step=np.arange(100) * 10, gradient_norm=np.arange(1.0, 101.0))
    result = judge_norms(log, Finding(MID, since=600, harmed=True))
    assert result.threshold == threshold_at_percentile(np.arange(1.0, 61.0), 90)


def test_only_norms_that_are_not_finite():
    result = judged(np.full(100, NAN), clip_threshold=1.0)
    assert np.isnan(result.typical)
    assert result.threshold is None
    assert result.clipped == 0
    assert len(result.outliers) == 100
    assert not any("nan" in sentence for sentence in result.advice)


def test_norms_of_zero_give_no_threshold_to_clip_at():
    result = judged(np.zeros(100), clip_threshold=1.0)
    assert (result.typical, result.threshold, result.outliers, result.clipped) == (0, None, (), 0)


def test_huge_norms_do_not_overflow():
    result = judged(np.full(100, 1e308), clip_threshold=1e300)
    assert (result.typical, result.threshold, result.outliers) == (1e308, 1e308, ())


def test_a_percentile_far_above_the_typical_norm_is_told():
    tail = np.where(np.arange(100) % 5, 1.0, 8.0)
    assert any("8, is far above the typical norm, 1:" in sentence for sentence in judged(tail).advice)
    assert not any("far above" in sentence for sentence in judged(np.arange(1.0, 101.0)).advice)


def test_outliers_are_named_by_their_steps():
    norms = np.ones(300)
    norms[[40, 250]] = 20
    log = Log(np.ones(300), step=np.arange(300) * 7, gradient_norm=norms)
    result = judge_norms(log, STABLE)
    assert result.outliers == (280, 1750)
    assert result.advice[0] == "the gradient norm has 2 outliers, the first at step 280 (D5)"
    assert all(type(step) is int for step in result.outliers)


def test_one_outlier_in_the_singular():
    assert judged(np.where(np.arange(100) == 3, 50.0, 1.0)).advice[0].startswith("the gradient norm has one")


def test_norms_are_compared_with_the_window_before():
    grown = np.repeat([1.0, 20.0, 20.0], 100)
    np.testing.assert_array_equal(np.flatnonzero(norm_outliers(grown)), np.arange(100, 200))
    slowly = np.geomspace(1, 1e4, 1000)  # a factor 2.5 in each window
    assert not norm_outliers(slowly).any()


def test_a_broken_window_is_not_what_is_typical():
    norms = np.where(np.arange(300) // 100 == 1, NAN, 1.0)
    np.testing.assert_array_equal(norm_outliers(norms), np.isnan(norms))


@given(
    st.lists(st.floats(0, 1e6) | st.just(NAN) | st.just(INF), min_size=1, max_size=40),
    st.integers(-60, 60),
    st.integers(1, 50),
)
def test_outliers_do_not_depend_on_the_unit(norms, power, window):
    norms = np.round(np.array(norms), 3)  # no denormal numbers
    ours = norm_outliers(norms, window=window)
    np.testing.assert_array_equal(ours, norm_outliers(norms * 2.0**power, window=window))
    assert ours[~np.isfinite(norms)].all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gradient_norm": []}, "gradient_norm must be a list of at least one number"),
        ({"gradient_norm": [[1.0]]}, "gradient_norm must be a list of at least one number"),
        ({"gradient_norm": [1.0], "factor": 1.0}, "factor must be above 1"),
        ({"gradient_norm": [1.0], "window": 0}, "window must be at least 1"),
    ],
)
def test_outliers_refuse(arguments, message):
    with pytest.raises(ValueError, match=message):
        norm_outliers(**arguments)


def test_a_log_without_norms_and_a_threshold_of_0_are_refused():
    with pytest.raises(ValueError, match="log must be with gradient norms, but 'mine' came"):
        judge_norms(Log([1.0], name="mine"), STABLE)
    for threshold in (0, -1, NAN):
        with pytest.raises(ValueError, match="threshold must be above 0"):
            judged(np.ones(10), clip_threshold=threshold)
