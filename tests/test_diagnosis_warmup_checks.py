"""The checks that train: at twice the best rate, every step (D6), and at 5 and 10 times the peak (D8)."""

import numpy as np
import pytest

from stability_ref import recipes, schedules
from stability_ref.diagnosis.warmup.checks import confirm, early_check
from stability_ref.diagnosis.warmup.training_functions import reference_train

SMOOTH = 0.1 + 2 * 0.98 ** np.arange(1000)


def spike(at, steps=500):
    loss = SMOOTH[:steps].copy()
    loss[at : at + 15] = 60
    return loss


def test_it_trains_500_steps_at_twice_the_rate_without_warmup():
    calls = []

    def train(*setting):
        calls.append(setting)
        return SMOOTH[:500]

    assert early_check(train, 0.25).verdict == "stable"
    assert calls == [(0.5, 0, 500)]


def test_a_spike_in_the_first_steps_is_found():
    found = early_check(lambda *_: spike(5), 0.1)
    assert (found.unstable, found.verdict) == (True, "unstable early")


@pytest.mark.parametrize("first", [0, 1])
def test_steps_may_be_counted_from_0_or_1(first):
    steps = np.arange(first, 500 + first)
    assert not early_check(lambda *_: {"loss": SMOOTH[:500], "step": steps}, 0.1).unstable


def test_a_run_that_ends_when_it_diverged_is_a_result():
    loss = np.append(SMOOTH[:100], [60, 6000, np.nan])
    assert early_check(lambda *_: loss, 0.1).unstable


GAPS = {
    "every tenth": ({"loss": SMOOTH[:50], "step": np.arange(0, 500, 10)}, "50 of them, none between 0"),
    "one missing": (
        {"loss": SMOOTH[:499], "step": np.delete(np.arange(500), 7)},
        "499 of them, none between 6",
    ),
    "one missing, one more at the end": (
        {"loss": SMOOTH[:500], "step": np.delete(np.arange(501), 7)},
        "500 of them, none between 6",
    ),
    "stopped early": (SMOOTH[:300], "300 of them"),
}


@pytest.mark.parametrize("name", GAPS)
def test_a_log_that_misses_steps_is_refused_by_name(name):
    log, came = GAPS[name]
    message = rf'^the log "rate 0.2, warmup 0, 500 steps" must be measured at every one of its 500 .*{came}'
    with pytest.raises(ValueError, match=message):
        early_check(lambda *_: log, 0.1)


@pytest.mark.parametrize(
    ("loss", "unstable", "said"),
    [
        (SMOOTH[:500], False, "does not confirm"),
        (spike(300), True, "rises suddenly after a steady decline"),
        (spike(5), True, "of another kind than D8 describes: unstable early"),
    ],
)
def test_which_kind_of_instability_confirms(loss, unstable, said):
    found = confirm(lambda *_: loss, 0.1, 500)
    assert list(found) == [5, 10]
    assert {one.unstable for one in found.values()} == {unstable}
    assert said in found[5].evidence[-1]


def test_it_trains_at_5_and_10_times_the_peak():
    calls = []

    def train(*setting):
        calls.append(setting)
        return SMOOTH[:300]

    confirm(train, 0.1, 300)
    assert calls == [(0.5, 0, 300), (1.0, 0, 300)]
    assert list(confirm(train, 0.1, 300, factors=[2.5])) == [2.5]


def test_the_sick_twin_is_unstable_at_ten_times_its_best_rate():
    constant, best = schedules.constant(1.0), recipes.RATES[recipes.LARGE - 2]
    trains = [reference_train(recipes.sick_twin(), "momentum", constant, seed) for seed in range(5)]
    found = [confirm(train, best, 100, factors=[10])[10] for train in trains]
    assert sum(one.unstable for one in found) == 5


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: early_check(spike, 0), "best_rate must be a finite number above 0, but 0 came"),
        (lambda: early_check(spike, 0.1, steps=0), "steps must be a whole number of at least 1, but 0"),
        (lambda: early_check(None, 0.1), r"train must be a function train\(rate, warmup_steps, steps\)"),
        (lambda: confirm(spike, None, 10), "peak_rate must be a finite number above 0, but None came"),
        (lambda: confirm(spike, 0.1, 1.5), "steps must be a whole number of at least 1, but 1.5 came"),
        (lambda: confirm(spike, 0.1, 10, factors=[]), "factors must be at least one number above 1"),
        (lambda: confirm(spike, 0.1, 10, factors=[5, 1]), "factors must be numbers above 1, but 1 came"),
        (lambda: confirm("mine", 0.1, 10), r"train must be a function train\(rate, warmup_steps, steps\)"),
        (lambda: confirm(spike, 0.1, 10, factors=5), "factors must be a list of numbers above 1, but 5"),
    ],
)
def test_refusals_name_the_argument(check, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        check()
