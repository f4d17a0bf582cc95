"""The figures of lesson 06 say what they draw, and a fault in one changes what it says."""

import dataclasses

import numpy as np
import pytest
import records
from pictures import line_facts

from stability_ref import figures, fixes_figures
from stability_ref.fixes_recipes import ALONE, COMPARED, FIXES, SICK, SINGLE, applies
from stability_ref.fixes_tables import by_name
from stability_ref.fixes_trials import RATES


@pytest.fixture(scope="module")
def outcomes():
    return records.fixes()


@pytest.fixture(scope="module")
def sick(outcomes):
    return [one for one in outcomes if one.net in SICK]


@pytest.fixture
def table(sick):
    return fixes_figures.what_each_buys(sick)


@pytest.fixture
def live(outcomes):
    return fixes_figures.LiveFix(outcomes)


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_every_fix_that_applies_has_a_row_in_the_playbook_s_order(table):
    names = [label.get_text() for label in table.axes[0].get_yticklabels()]
    assert [name.split("  ")[0] for name in names] == list(FIXES)
    places = table.axes[0].get_yticks()
    assert (np.diff(places) < 0).all()
    assert places[len(SINGLE) - 1] - places[len(SINGLE)] == 2  # a gap before the pairs
    for column, net in enumerate(SICK):
        rows = {label[9:] for label in lines(table.axes[column]) if label.startswith("_best of ")}
        assert rows == {fix for fix in FIXES if applies(net, FIXES[fix])}


def test_a_row_goes_from_the_lowest_to_the_highest_usable_rate_and_stars_the_best(table, sick):
    named = by_name(sick)
    for column, net in enumerate(SICK):
        drawn = lines(table.axes[column])
        for fix in (ALONE, "clipping"):
            one = named[net, fix]
            low, high = drawn[f"_{fix}"].get_xdata()
            assert high == np.median(one.highest)
            assert high / low == pytest.approx(np.median(one.span))
            assert list(drawn[f"_seeds of {fix}"].get_xdata()) == list(one.highest)
            assert drawn[f"_best of {fix}"].get_xdata()[0] == one.rates[one.best]


def test_below_stand_the_errors_at_the_best_rate(table, sick):
    named = by_name(sick)
    for column, net in enumerate(SICK):
        drawn = lines(table.axes[len(SICK) + column])
        one = named[net, "clipping"]
        assert list(drawn["_seeds of clipping"].get_xdata()) == list(one.best_errors)
        assert drawn["_median of clipping"].get_xdata()[0] == np.median(one.best_errors)
        grey = drawn["_lower rate only"].get_xdata()
        assert list(grey) == [np.median(named[net, ALONE].best_errors)] * 2


def test_a_range_that_ends_with_the_sweep_is_open(sick):
    everywhere = [
        one._replace(validation=np.full_like(one.validation, 0.1)) if one.fix == "clipping" else one
        for one in sick
    ]
    drawn = lines(fixes_figures.what_each_buys(everywhere).axes[0])
    assert drawn["_beyond, clipping"].get_xdata()[0] == RATES[-1]
    assert "_beyond, warmup" not in drawn


def test_a_fix_with_which_nothing_trains_has_no_range(sick):
    nowhere = [
        one._replace(validation=np.full_like(one.validation, 0.9)) if one.fix == "clipping" else one
        for one in sick
    ]
    drawn = lines(fixes_figures.what_each_buys(nowhere).axes[0])
    assert "_clipping" not in drawn
    assert len(drawn["_seeds of clipping"].get_xdata()) == 0


def test_adam_is_told_from_momentum_without_colour(table):
    above, below = lines(table.axes[0]), lines(table.axes[len(SICK)])
    for fix, style, marker in (("Adam", "--", "^"), ("warmup + Adam", "--", "^"), ("warmup", "-", "D")):
        assert above[f"_{fix}"].get_linestyle() == style
        assert below[f"_median of {fix}"].get_marker() == marker


def test_both_rules_are_drawn_for_both_networks(outcomes):
    figure = fixes_figures.momentum_or_adam(outcomes)
    named = by_name(outcomes)
    for axes, net in zip(figure.axes, COMPARED, strict=True):
        drawn = lines(axes)
        assert len({(line.get_linestyle(), line.get_marker()) for line in drawn.values()}) == len(drawn)
        for label, fix in {"Momentum": ALONE, "Adam, warmup": "warmup + Adam"}.items():
            np.testing.assert_array_equal(drawn[label].get_ydata(), np.median(named[net, fix].test, axis=0))
    assert ["Momentum, inputs rescaled" in lines(axes) for axes in figure.axes] == [False, True]


FAULTS = {
    "a wrong curve": lambda axes: axes.get_lines()[1].set_xdata(axes.get_lines()[1].get_xdata() * 2),
    "swapped colours": lambda axes: axes.get_lines()[1].set_color("red"),
    "another axis": lambda axes: axes.set_xscale("linear"),
    "a missing line": lambda axes: axes.get_lines()[1].remove(),
    "an empty picture": lambda axes: axes.clear(),
    "other limits": lambda axes: axes.set_xlim(0.5, 1),
}


@pytest.mark.parametrize("panel", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["what_each_buys", "momentum_or_adam"])
def test_a_fault_in_the_picture_changes_the_text(outcomes, sick, name, fault, panel):
    figure = getattr(fixes_figures, name)(sick if name == "what_each_buys" else outcomes)
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[panel])
    assert figures.facts(figure) != right


# --- The slider ---------------------------------------------------------------------------------------------


def test_the_chosen_sweeps_are_shown(live, outcomes):
    named = by_name(outcomes)
    alone, with_fix, *_ = live.lines
    for first, second, name in (
        ("clipping", ALONE, "clipping"),
        ("Adam", "warmup", None),  # a pair in the other order
        ("warmup", "Adam", "warmup + Adam"),
        ("usual start", "clipping", None),  # no sweep of it is stored
    ):
        fix = live.choose("post-norm", first, second)
        assert fix == fixes_figures.together(first, second)
        low = named["post-norm", ALONE]
        assert low.validation.min() <= np.min(alone.get_ydata()) <= low.test.max()
        assert len(with_fix.get_xdata()) == (0 if name is None else len(RATES))
        if name:
            every = 300 * named["post-norm", name].validation + 297 * named["post-norm", name].test
            np.testing.assert_allclose(with_fix.get_ydata(), np.median(every / 597, axis=0))


def test_the_sentence_says_whether_it_trains(live):
    *_, ring, cross, _, _, _ = live.lines
    live.choose("no norm", "clipping", ALONE)
    assert live.finish(records.fixed_run(0.25, 0.05)) == "clipping at 0.25: it trains, test error 5.0%."
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([0.25], [0.05])
    assert len(cross.get_xdata()) == 0
    live.choose("no norm", "usual start", "clipping")
    sentence = live.finish(records.fixed_run(0.5, 0.4))
    assert sentence == "usual start + clipping at 0.5: it does not train."
    assert list(cross.get_xdata()) == [0.5]


@pytest.mark.parametrize("final", [0.4, 0.9])
def test_the_text_of_a_run_that_failed_holds_no_digit_of_it(live, final):
    texts = set()
    for factor in (1, 3):
        live.choose("no norm", ALONE, ALONE)
        live.finish(records.fixed_run(0.5, final / factor if final / factor > 0.2 else 0.9, 90 * factor))
        live.begin()
        texts.add(figures.facts(live.figure))
    assert len(texts) == 1


def test_the_run_before_stays_in_grey_unless_it_was_stopped(live):
    _, _, _, _, before, now, _ = live.lines
    live.choose("no norm", ALONE, ALONE)
    first = records.fixed_run(0.25, 0.05)
    live.finish(first)
    live.begin()
    stopped = dataclasses.replace(records.fixed_run(0.5, 0.3), steps_done=np.full((1, 1), 27))
    assert live.finish(stopped) == "The run was stopped."
    assert len(now.get_xdata()) == 27
    live.begin()
    np.testing.assert_array_equal(before.get_ydata(), first.loss[0, 0])


def test_a_loss_that_is_not_finite_gets_a_cross(live):
    *_, blow_up = live.lines
    live.choose("no norm", ALONE, ALONE)
    broken = records.fixed_run(0.5, 1.0)
    broken.loss[0, 0, 6:] = np.nan
    live.finish(broken)
    assert list(blow_up.get_xdata()) == [7]
    assert "200 unstable" in line_facts(figures.facts(live.figure), "this run")


def test_a_pair_that_does_not_apply_is_refused_and_shows_no_run(live):
    live.choose("no norm", "clipping", ALONE)
    live.finish(records.fixed_run(0.25, 0.05))
    with pytest.raises(ValueError, match="at most one other block"):
        live.choose("no norm", "pre-norm", "ReZero")
    with pytest.raises(ValueError, match="a network must be one of no norm"):
        live.choose("another", ALONE, ALONE)
    assert live.refuse("no such pair") == "no such pair"
    _, with_fix, ring, cross, _, now, blow_up = live.lines
    assert [len(line.get_xdata()) for line in (with_fix, ring, cross, now, blow_up)] == [0] * 5
