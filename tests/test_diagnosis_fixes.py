"""Which fix comes first, for each verdict and each warmup that a log shows.

The clauses X1–X6 and C6.
"""

import re
from pathlib import Path

import numpy as np
import pytest

import stability_ref
from stability_ref.diagnosis import Log
from stability_ref.diagnosis.fixes import FIXES, SOON_AFTER, fixes_for, next_step, ramp_ends
from stability_ref.diagnosis.norms import Norms
from stability_ref.diagnosis.one_run import EARLY, MID, TOO_RARE, TOO_SHORT, Finding

PLAYBOOKS_ORDER = ["X1", "X2", "X3", "X4", "X5", "X6"]
CLIPPING_FIRST = ["X2", "X1", "X3", "X4", "X5", "X6"]
STEPS = np.arange(1000)
BARE = Log(np.ones(1000))
RAMP = np.minimum(STEPS / 100, 1.0)  # a warmup of 100 steps


def clauses(log, finding, norms=None):
    return [fix.clause for fix in fixes_for(log, finding, norms)]


def with_rate(rate, **options):
    return Log(np.ones(len(rate)), learning_rate=rate, **options)


def norms(threshold):
    return Norms(1.0, (), threshold, None, ())


def test_the_table_is_the_playbooks():
    assert [fix.clause for fix in FIXES] == PLAYBOOKS_ORDER
    assert all(fix.name and fix.what for fix in FIXES)
    assert FIXES[-1].what == "as a last resort"


def test_lessons_are_named_like_notebooks():
    """Whether they exist is for the test of the notebooks to say."""
    assert all(re.fullmatch(r"\d\d[a-z]?_[a-z_]+", fix.lesson) for fix in FIXES)


@pytest.mark.parametrize("verdict", ["stable", TOO_SHORT, TOO_RARE])
def test_nothing_to_fix_where_no_rise_was_seen(verdict):
    assert fixes_for(BARE, Finding(verdict), None) == ()
    assert fixes_for(with_rate(RAMP), Finding(verdict), norms(2.0)) == ()


@pytest.mark.parametrize("harmed", [True, False])
@pytest.mark.parametrize(
    ("verdict", "since", "expected"),
    [
        (EARLY, 0, PLAYBOOKS_ORDER),
        (EARLY, 500, PLAYBOOKS_ORDER),
        (MID, 20, CLIPPING_FIRST),
        (MID, 500, CLIPPING_FIRST),
    ],
)
def test_order_without_a_warmup(verdict, since, expected, harmed):
    finding = Finding(verdict, since=since, harmed=harmed)
    assert clauses(BARE, finding) == expected
    assert clauses(with_rate(np.full(1000, 0.1)), finding) == expected
    assert clauses(with_rate(np.linspace(1, 0, 1000)), finding) == expected


@pytest.mark.parametrize(
    ("verdict", "since", "expected"),
    [
        (EARLY, 5, PLAYBOOKS_ORDER),
        (MID, 50, PLAYBOOKS_ORDER),
        (MID, int(SOON_AFTER * 100), PLAYBOOKS_ORDER),
        (MID, int(SOON_AFTER * 100) + 1, CLIPPING_FIRST),
    ],
)
def test_a_rise_during_or_soon_after_the_warmup_speaks_for_a_longer_one(verdict, since, expected):
    fixes = fixes_for(with_rate(RAMP), Finding(verdict, since=since), None)
    assert [fix.clause for fix in fixes] == expected
    (warmup,) = [fix for fix in fixes if fix.clause == "X1"]
    assert warmup.name == "a longer warmup"
    assert "until step 100:" in warmup.what
    assert warmup.lesson == "03_warmup"


def test_a_known_threshold_is_put_in():
    for finding in (Finding(EARLY, since=3), Finding(MID, since=500)):
        (clipping,) = [fix for fix in fixes_for(BARE, finding, norms(1.2345)) if fix.clause == "X2"]
        assert "1.23 is a threshold to start from" in clipping.what
        assert FIXES[1] in fixes_for(BARE, finding, norms(None))


RATES = {
    "constant": (np.full(10, 0.1), None),
    "falling": (np.linspace(1, 0, 10), None),
    "zero": (np.zeros(10), None),
    "not logged": (np.full(10, np.nan), None),
    "a cosine that begins with less than a tenth more": (np.linspace(1, 1.09, 10), None),
    "a ramp to the end": (np.linspace(0, 1, 10), 9),
    "a ramp, then a constant": (np.minimum(np.arange(10) / 4, 1), 4),
    "a ramp, then a decay": (np.array([0, 1, 2, 3, 2, 1, 0.5, 0.2, 0.1, 0]), 3),
    "a ramp that does not begin at 0": (np.array([0.1, 0.5, 1, 1, 1, 1, 1, 1, 1, 1]), 2),
    "a ramp with gaps": (np.array([np.nan, 0.1, np.nan, 0.5, 0.5, np.nan, 0.1, 0, 0, 0]), 3),
}


@pytest.mark.parametrize("name", RATES)
def test_where_a_warmup_ends(name):
    rate, end = RATES[name]
    assert ramp_ends(with_rate(rate)) == end
    later = ramp_ends(with_rate(rate, step=50 + 10 * np.arange(10)))
    assert later == (None if end is None else 50 + 10 * end)


def test_a_log_without_rates_shows_no_warmup():
    assert ramp_ends(BARE) is None


def test_what_to_do_next():
    assert next_step(Finding("stable")).startswith("nothing to fix in this run")
    for verdict in (TOO_SHORT, TOO_RARE):
        assert "log the loss of every step (D6)" in next_step(Finding(verdict))


def test_every_lesson_that_is_named_exists():
    course = Path(stability_ref.__file__).parent.parent / "notebooks"
    assert all((course / f"{fix.lesson}.ipynb").exists() for fix in FIXES)
