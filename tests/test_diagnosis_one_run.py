"""What one run's log shows by itself, on curves made by hand: a rise, since when, and its harm.

The clauses D3, D4 and D6.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.labelled_runs import load
from stability_ref.diagnosis import Log, judge
from stability_ref.diagnosis.one_run import (
    EARLY,
    MID,
    TOO_RARE,
    TOO_SHORT,
    VERDICTS,
    came_down,
    sees_the_start,
)
from stability_ref.diagnosis.rises import final_level, first_rise

NAN, INF = np.nan, np.inf
LARGEST, SMALLEST = np.finfo(float).max, 5e-324
STEPS = np.arange(400)
SAFE = 2.3 * np.exp(-STEPS / 80) + 0.2
NOISE = 1 + 0.1 * np.random.default_rng(0).normal(size=400)
NOISE[0] = 1


def at(first, end, value, curve=SAFE):
    return np.where((first <= STEPS) & (end > STEPS), value, curve)


# name: losses, verdict, harmed, the places that the rise may begin at
CURVES = {
    "training as it should be": (SAFE, "stable", None, None),
    "a plateau": (np.full(400, 2.3), "stable", None, None),
    "almost no progress": (2.3 - 1e-3 * STEPS, "stable", None, None),
    "a small gain is undone": (at(1, 200, 2.2, np.full(400, 2.3)), "stable", None, None),
    "the rate decays": (SAFE * np.where(STEPS < 200, 1, 0.5), "stable", None, None),
    "a warm start": (np.full(400, 0.3) - 1e-4 * STEPS, "stable", None, None),
    "a long plateau, then progress": (np.where(STEPS < 200, 2.3, 0.4), "stable", None, None),
    "one hard batch": (at(200, 201, 9.0), "stable", None, None),
    "one hard batch at the start": (at(5, 6, 9.0), "stable", None, None),
    "three hard batches": (at(200, 203, 9.0), "stable", None, None),
    "the last three are hard": (at(397, 400, 9.0), "stable", None, None),
    "a blow-up that comes back": (at(4, 20, 30.0), EARLY, False, (4, 4)),
    "a blow-up at once": (at(1, 20, 30.0), EARLY, False, (1, 1)),
    "a blow-up that stays": (at(4, 400, 30.0), EARLY, True, (4, 4)),
    "a blow-up back to guessing": (at(4, 20, 30.0, np.full(400, 2.5)), EARLY, True, (4, 4)),
    "slow growth from the start": (2.3 * np.exp(STEPS / 200), EARLY, True, (1, 200)),
    "a spike that comes back": (at(200, 210, 5.0), MID, False, (200, 200)),
    "a spike below the start": (at(200, 210, 1.8), MID, False, (200, 200)),
    "two spikes": (at(200, 210, 5.0, at(300, 310, 5.0)), MID, False, (200, 200)),
    "a sudden rise that stays": (at(200, 400, 2.2), MID, True, (200, 200)),
    "a rise at the very end": (at(394, 400, 5.0), MID, True, (394, 394)),
    "a slow rise": (np.maximum(SAFE, 0.006 * STEPS), MID, True, (80, 330)),
    "NaN at the end": (at(390, 400, NAN), MID, True, (390, 390)),
    "the last is NaN": (at(399, 400, NAN), MID, True, (399, 399)),
    "one NaN in the middle": (at(200, 201, NAN), MID, False, (200, 200)),
    "three NaN in the middle": (at(200, 203, NAN), MID, False, (200, 200)),
    "inf in the middle": (at(200, 201, INF), MID, False, (200, 200)),
    "-inf in the middle": (at(200, 201, -INF), MID, False, (200, 200)),
    "NaN at the start": (at(0, 3, NAN), EARLY, True, (0, 0)),
    "NaN from step 3 on": (at(3, 400, NAN), EARLY, True, (3, 3)),
    "all NaN": (np.full(400, NAN), EARLY, True, (0, 0)),
    "all inf": (np.full(400, INF), EARLY, True, (0, 0)),
    "a negative loss that falls": (SAFE - 5, "stable", None, None),
    "a loss that falls through 0": (SAFE - 1, "stable", None, None),
    "a negative loss that rises": (-SAFE, EARLY, True, (1, 200)),
}
SCALABLE = {name for name in CURVES if name != "all inf"}


@pytest.mark.parametrize("noise", [1.0, NOISE], ids=["smooth", "noisy"])
@pytest.mark.parametrize("name", CURVES)
def test_curves_made_by_hand(name, noise):
    loss, verdict, harmed, since = CURVES[name]
    log = Log(loss * noise)
    finding = judge(log)
    assert (finding.verdict, finding.harmed) == (verdict, harmed)
    assert finding.unstable == (verdict in (EARLY, MID))
    if since is None:
        assert finding.since is finding.back_at is None
    else:
        assert since[0] <= finding.since <= since[1]
    is_told_well(log, finding)


def is_told_well(log, finding):
    """What holds of every finding: it is one of the verdicts, and it is back only where it is back."""
    assert finding.verdict in VERDICTS
    assert finding.evidence
    assert not any(word in " ".join(finding.evidence) for word in ("nan", "None", "np.", "inf "))
    if finding.back_at is None:
        return
    assert finding.harmed is False
    assert finding.back_at > finding.since
    rise = first_rise(log.loss)
    stake = max(log.loss[0] - rise.before, 0.4 * abs(log.loss[0]))
    level = rise.before + (0.25 * stake if rise.before < log.loss[0] else 0)
    after = log.loss[log.step >= finding.back_at]
    assert after[0] <= level
    above = "".join("x" if not loss <= level else "." for loss in after)
    assert "xxxx" not in above


@pytest.mark.parametrize("name", ["a spike that comes back", "two spikes", "three NaN in the middle"])
def test_where_it_is_back(name):
    loss, *_ = CURVES[name]
    expected = {"a spike that comes back": 210, "two spikes": 310, "three NaN in the middle": 203}
    assert judge(Log(loss)).back_at == expected[name]


@pytest.mark.parametrize("length", [4000, 40_000])
def test_a_run_that_ends_in_its_rise_has_not_come_back(length):
    """However little the last entries weigh in the mean of the last twentieth."""
    loss = np.append(2 * np.exp(-np.arange(length) / 100) + 0.2, np.full(6, 5.0))
    finding = judge(Log(loss))
    assert (finding.verdict, finding.since, finding.back_at, finding.harmed) == (MID, length, None, True)


# What must not change a verdict


def same(finding, other):
    return (finding.verdict, finding.since, finding.back_at, finding.harmed) == (
        other.verdict,
        other.since,
        other.back_at,
        other.harmed,
    )


@given(st.sampled_from(sorted(SCALABLE)), st.sampled_from([1e-300, 1e-6, 1e-3, 7.0, 1e6, 1e300]))
def test_the_unit_of_the_loss_changes_nothing(name, unit):
    loss = CURVES[name][0] * NOISE
    assert same(judge(Log(loss)), judge(Log(loss * unit)))


@given(st.integers(-1000, 1000), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_unit_changes_nothing_on_random_walks(power, seed):
    rng = np.random.default_rng(seed)
    loss = np.exp(np.cumsum(rng.normal(0, 0.1, rng.integers(1, 300))))
    assert same(judge(Log(loss)), judge(Log(loss * 2.0**power)))


@given(st.sampled_from(sorted(CURVES)), st.permutations(range(400)))
@settings(max_examples=40)
def test_shuffled_rows_give_the_same_verdict(name, order):
    loss, order = CURVES[name][0] * NOISE, np.array(order)
    assert same(judge(Log(loss)), judge(Log(loss[order], step=order)))


@pytest.mark.parametrize("name", [name for name, curve in CURVES.items() if curve[1] != "stable"])
def test_steps_are_what_is_told(name):
    """Where the log begins later and has gaps, the verdict is the same and since is a step of the log."""
    loss = CURVES[name][0]
    plain, later = judge(Log(loss)), judge(Log(loss, step=5000 + 7 * STEPS))
    assert later.verdict == plain.verdict
    assert later.since == 5000 + 7 * plain.since
    assert f"from step {later.since} on the loss goes up" in later.evidence[0]


numbers = st.floats() | st.sampled_from([0.0, -0.0, 1.0, LARGEST, -LARGEST, SMALLEST, NAN, INF, -INF])


@given(st.lists(numbers, min_size=1, max_size=200))
@settings(max_examples=200)
def test_any_numbers_get_a_verdict_without_a_warning(loss):
    log = Log(loss)
    finding = judge(log)
    assert finding.verdict in VERDICTS
    if not np.isfinite(log.loss).all():
        assert finding.unstable
    if finding.back_at is not None:
        assert finding.since < finding.back_at < len(loss)
        assert np.isfinite(loss[finding.back_at])


EXTREMES = {
    "zeros": (np.zeros(400), "stable"),
    "largest": (np.full(400, LARGEST), "stable"),
    "largest, negative": (np.full(400, -LARGEST), "stable"),
    "1e308, noisy": (1e308 * NOISE, "stable"),
    "training at 1e307": (SAFE * 1e307, "stable"),
    "a blow-up to the largest": (at(200, 400, LARGEST), MID),
    "1e-308": (np.full(400, 1e-308), "stable"),
    "denormal": (np.full(400, SMALLEST), "stable"),
    "training among denormal numbers": (SAFE * 1e-310, "stable"),
    "from the smallest to the largest": (np.where(STEPS == 0, SMALLEST, LARGEST), EARLY),
    "from 0 up": (np.where(STEPS == 0, 0.0, 2.3), EARLY),
    "from 0 down": (-STEPS / 100, "stable"),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_the_largest_and_the_smallest_numbers(name):
    loss, verdict = EXTREMES[name]
    finding = judge(Log(loss))
    assert finding.verdict == verdict
    is_told_well(Log(loss), finding)


# Where nothing can be told


@pytest.mark.parametrize(
    ("length", "verdict"), [(1, TOO_SHORT), (4, TOO_SHORT), (49, TOO_SHORT), (50, "stable")]
)
def test_a_short_log_is_not_called_stable(length, verdict):
    finding = judge(Log(SAFE[:length]))
    assert finding.verdict == verdict
    assert not finding.unstable


@pytest.mark.parametrize(("loss", "since"), [([NAN], 0), ([2.0, NAN], 1), ([1.0, 5.0, 5.0, 5.0, 5.0], 1)])
def test_a_short_log_may_show_a_rise(loss, since):
    finding = judge(Log(loss))
    assert (finding.verdict, finding.since, finding.harmed) == (EARLY, since, True)


@pytest.mark.parametrize(("gap", "verdict"), [(1, "stable"), (4, "stable"), (5, TOO_RARE), (50, TOO_RARE)])
def test_gaps_hide_a_blow_up(gap, verdict):
    assert judge(Log(SAFE, step=STEPS * gap)).verdict == verdict


@pytest.mark.parametrize(
    ("step", "sees"),
    [
        ([0], True),
        ([4, 8], True),
        ([5, 6], False),
        ([5000, 5001], False),
        ([*range(0, 101, 4), 200], True),
        ([*range(0, 100, 4), 200], False),
        ([*range(0, 97, 4), 105], False),
        ([0, 1, 2, 8], False),
    ],
)
def test_which_logs_see_the_start(step, sees):
    assert sees_the_start(Log(np.ones(len(step)), step=step)) is sees


def test_a_rare_log_still_shows_a_rise():
    assert judge(Log(at(200, 400, 5.0), step=STEPS * 50)).verdict == MID


# False alarms

MOST_ALARMS, MOST_ALARMS_ANYWHERE = 4, 28  # of 100; measured: at most 1 and at most 20

NOISES = {
    "normal": lambda rng, n: 2 + 0.6 * rng.normal(size=n),
    "lognormal": lambda rng, n: 2 * rng.lognormal(0, 0.7, n),
    "exponential": lambda rng, n: rng.exponential(2, n),
}


def alarms(noise, length, first=None, seeds=range(100)):
    count = 0
    for seed in seeds:
        loss = NOISES[noise](np.random.default_rng([seed, length]), length)
        loss[0] = loss[0] if first is None else first
        count += judge(Log(loss)).unstable
    return count


@pytest.mark.parametrize("length", [100, 300, 1000, 2000])
@pytest.mark.parametrize("noise", NOISES)
def test_noise_around_a_constant_that_begins_in_its_middle(noise, length):
    """Nothing is learnt and nothing happens."""
    assert alarms(noise, length, first=2.0) <= MOST_ALARMS


@pytest.mark.parametrize("length", [100, 300, 1000, 2000])
@pytest.mark.parametrize("noise", NOISES)
def test_noise_around_a_constant_that_begins_anywhere(noise, length):
    """Where the first entry happens to be low, all others lie above the start: a weakness, and bounded."""
    assert alarms(noise, length) <= MOST_ALARMS_ANYWHERE


# Rises that only many entries together show


def found_in_noise(level, sigma):
    """In how many of 20 runs a rise to this level is seen, where single entries lie far apart."""
    verdicts = []
    for seed in range(20):
        noise = np.random.default_rng(seed).lognormal(0, sigma, len(level))
        noise[0] = 1
        verdicts.append(judge(Log(level * noise)).verdict)
    return verdicts.count(MID)


def test_a_rise_is_seen_in_noise_as_large_as_itself():
    """Measured: 50 of 50; on single entries alone 12 of 50."""
    step = np.arange(2000)
    level = 2.3 * np.exp(-step / 200) + 0.2
    assert found_in_noise(np.where((step > 1000) & (step < 1120), 1.5, level), sigma=0.8) >= 17


def test_a_slow_rise_is_seen_in_noise():
    """Measured: 50 of 50; without the comparison of the run's eighths 6 of 50."""
    level = np.where(STEPS < 200, 2.3 * np.exp(-STEPS / 40) + 0.3, 0.3 + 1.2 * (STEPS - 200) / 200)
    assert found_in_noise(level, sigma=0.6) >= 17


# The parts


def test_came_down_needs_twenty_entries_and_a_median():
    loss = np.append(np.full(19, 1.0), np.full(30, 0.1))
    assert not came_down(loss, 19)
    assert not came_down(loss, 20)
    assert not came_down(loss, 28)
    assert came_down(loss, 29)
    assert not came_down(np.full(40, 1.0), 40)


@pytest.mark.parametrize(("level", "down"), [(0.71, False), (0.69, True)])
def test_came_down_below_70_percent(level, down):
    assert came_down(np.append(1.0, np.full(40, level)), 30) is down
    assert came_down(-np.append(1.0, np.full(40, 2 - level)), 30) is down


def test_nothing_comes_down_from_a_start_that_is_not_finite():
    assert not came_down(np.append(NAN, np.ones(40)), 30)


def test_the_final_level():
    assert final_level(np.arange(10.0)) == 4.5
    assert final_level(np.arange(1000.0)) == np.arange(950, 1000).mean()
    assert final_level(np.array([3.0])) == 3
    assert final_level(np.append(np.ones(100), NAN)) == INF
    assert final_level(np.full(10, LARGEST)) == pytest.approx(LARGEST, rel=1e-15)
    assert final_level(np.append(INF, np.ones(400))) == 1


@pytest.mark.parametrize("loss", [[], [[1.0, 2.0]], 1.0])
def test_a_rise_is_looked_for_in_a_list(loss):
    with pytest.raises(ValueError, match="loss must be a list of at least one number"):
        first_rise(loss)


# The sentences, on training runs


def test_every_sentence_is_true_of_every_labelled_run():
    """Each is computed anew here, from the losses alone."""
    for made in load():
        loss = np.asarray(made.loss, dtype=float)
        log = Log(loss)
        finding = judge(log)
        is_told_well(log, finding)
        if finding.unstable:
            rises, came, ends = finding.evidence
            tells_the_rise(rises, loss, finding.since)
            tells_the_past(came, loss, finding)
            tells_the_end(ends, loss, finding)
        else:
            first, last = loss[0], loss[-max(10, len(loss) // 20) :].mean()
            assert finding.evidence == (f"the loss goes from {first:.3g} to {last:.3g} without a rise (D3)",)


def tells_the_rise(sentence, loss, since):
    broken = [place for place in range(since, len(loss)) if not np.isfinite(loss[place])]
    assert sentence.startswith(f"from step {since} on the loss goes up")
    if broken:
        assert sentence.endswith(f"at step {broken[0]} it is not finite (D3)")
        return
    before, peak = map(float, sentence.split("from ")[2].removesuffix(" (D3)").split(" to "))
    assert peak == pytest.approx(max(loss[since:]), rel=0.01)
    assert before < peak
    assert before < loss[since] * 1.01


def tells_the_past(sentence, loss, finding):
    since = finding.since
    if "come down from" in sentence:
        assert finding.verdict == MID
        assert np.median(loss[since - 20 : since]) < 0.7 * loss[0]
    elif "first 20 entries" in sentence:
        assert finding.verdict == EARLY
        assert since < 20
    else:
        assert finding.verdict == EARLY
        assert np.median(loss[since - 20 : since]) >= 0.7 * loss[0]
    assert f"{loss[0]:.3g}" in sentence or "first 20" in sentence


def tells_the_end(sentence, loss, finding):
    tail = loss[-max(10, len(loss) // 20) :]
    if "down again" in sentence:
        assert sentence == f"from step {finding.back_at} on it is down again where it was"
    elif "not finite" in sentence:
        assert not np.isfinite(tail).all()
    else:
        assert f"{tail.mean():.3g}" in sentence
        if "by 30%" in sentence:
            assert tail.mean() > 0.7 * loss[0]
        else:
            assert tail.mean() > np.median(loss[: finding.since][-20:])
