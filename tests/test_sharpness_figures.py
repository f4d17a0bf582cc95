"""The figures of lesson 05 say what they draw, and a fault in one changes what it says (playbook E)."""

import dataclasses

import numpy as np
import pytest
import records
from pictures import line_facts

from stability_ref import figures, sharpness_figures, sharpness_recipes
from stability_ref.sharpness_figures import TITLES, TOP
from stability_ref.sharpness_recipes import BATCH_SIZES, MOMENTUM_RATES, RAISED_AT, RAISED_STEPS, SETTINGS


@pytest.fixture(scope="module")
def hovering():
    return records.hovering()


@pytest.fixture(scope="module")
def warming_up():
    return records.warming_up()


@pytest.fixture(scope="module")
def below():
    return records.below()


@pytest.fixture
def live():
    return sharpness_figures.LiveCatapult()


def panels(figure):
    """The facts of each of a figure's axes."""
    return figures.facts(figure).split("axes ")[1:]


def test_figure_e_has_a_panel_for_each_rule_with_its_edges(hovering):
    figure = sharpness_figures.figure_e(hovering)
    for panel, axes, rule in zip(panels(figure), figure.axes, SETTINGS, strict=True):
        rates, _ = SETTINGS[rule]
        assert panel.startswith(f"'{TITLES[rule]}")
        assert panel.count("shaded") == len(rates)
        for place, rate in enumerate(rates):
            edge = hovering[rule].edge[0, place, 0]
            assert f"first {edge:.3g} last {edge:.3g}" in line_facts(panel, f"_edge of {rate:g}")
            curve = axes.get_lines()[2 * place]
            assert curve.get_label().endswith(f"= {rate:g}")
            np.testing.assert_array_equal(curve.get_ydata(), hovering[rule].value[0, place])


def test_constants_that_are_not_the_defaults_stand_in_the_title(hovering):
    titles = [axes.get_title() for axes in sharpness_figures.figure_e(hovering).axes]
    assert titles[1:4] == ["Momentum, γ = 0.5", "Nesterov, γ = 0.5", "RMSProp, ρ = 0.95"]


def test_the_adaptive_rules_are_on_log_axes(hovering):
    scales = [axes.get_yscale() for axes in sharpness_figures.figure_e(hovering).axes]
    assert scales == ["linear"] * 3 + ["log"] * 3


def test_the_dots_are_the_late_ratios_around_the_line_at_1(hovering):
    (axes,) = sharpness_figures.ratios_figure(hovering).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert len(lines) == sum(len(rates) for rates, _ in SETTINGS.values()) + 1
    assert list(lines["the edge"].get_ydata()) == [1, 1]
    for rule, one in hovering.items():
        for place, rate in enumerate(SETTINGS[rule].rates):
            drawn = lines[f"_{TITLES[rule]}, {rate:g}"].get_ydata()
            np.testing.assert_array_equal(drawn, sharpness_recipes.late_ratio(one)[:, place])
            assert drawn.tolist() == pytest.approx([1 + 0.02 * seed + 0.01 * place for seed in range(3)])


def test_the_warmup_that_is_too_short_gets_a_cross_where_it_leaves(warming_up):
    figure = sharpness_figures.warmup_figure(warming_up)
    short_loss, long_loss, short, long = panels(figure)
    assert "first above 100 at 11" in line_facts(short_loss, "this run")
    assert "first above 100 at 13" in line_facts(short, "this run")
    assert "x 11 to 11" in line_facts(short_loss, "_leaves the picture")
    for panel in (long_loss, long):
        assert "0 points" in line_facts(panel, "_leaves the picture")
    for panel, steps in ((short, 20), (long, 100)):
        assert f"x {steps} to {steps}" in line_facts(panel, "warmup ends")
        assert "last 2.86" in line_facts(panel, "edge 2/η")


def test_the_shares_of_the_edge_are_drawn_for_batches_and_for_momentum(below):
    left, right = sharpness_figures.below_the_edge(*below).axes
    assert [text.get_text() for text in left.get_xticklabels()] == [str(size) for size in BATCH_SIZES]
    assert [text.get_text() for text in right.get_xticklabels()] == [f"{rate:g}" for rate in MOMENTUM_RATES]
    for axes, shares in ((left, [0.4, 0.7, 0.95, 1.0, 1.02]), (right, [0.3, 0.5, 0.8, 0.85])):
        drawn = [line.get_ydata()[1] for line in axes.get_lines() if line.get_label() != "the edge"]
        assert drawn == pytest.approx(shares)


def test_digits_from_near_the_edge_on_are_not_in_the_text(hovering, warming_up, below):
    def moved(one):
        unstable = sharpness_figures._near_the_edge(sharpness_recipes.ratio(one))
        steps = np.arange(one.record.loss.shape[-1])
        first = np.array([[sharpness_figures._first(one.at, row) for row in rows] for rows in unstable])
        loss = np.where(steps >= first[..., None], 1.001, 1) * one.record.loss
        record = dataclasses.replace(one.record, loss=loss)
        return one._replace(value=np.where(unstable, 1.001, 1) * one.value, record=record)

    def all_moved(measured):
        return {name: moved(one) for name, one in measured.items()}

    batches, momentum = below
    for draw, right, others in (
        (sharpness_figures.figure_e, [hovering], [all_moved(hovering)]),
        (sharpness_figures.ratios_figure, [hovering], [all_moved(hovering)]),
        (sharpness_figures.warmup_figure, [warming_up], [all_moved(warming_up)]),
        (
            sharpness_figures.below_the_edge,
            below,
            [all_moved(batches), momentum._replace(value=1.001 * momentum.value)],
        ),
    ):
        assert figures.facts(draw(*right)) == figures.facts(draw(*others))


def test_lines_are_told_apart_without_colour(hovering):
    for axes in sharpness_figures.figure_e(hovering).axes:
        lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
        assert len({line.get_linestyle() for line in lines}) == len(lines)
    (axes,) = sharpness_figures.ratios_figure(hovering).axes
    markers = [line.get_marker() for line in axes.get_lines() if line.get_label().startswith("_Grad")]
    assert len(set(markers)) == len(markers) == 3


FAULTS = {
    "swapped colours": lambda axes: axes.get_lines()[0].set_color("red"),
    "another axis": lambda axes: axes.set_yscale("linear" if axes.get_yscale() == "log" else "log"),
    "a missing line": lambda axes: axes.get_lines()[0].remove(),
    "a moved edge": lambda axes: [
        line.set_ydata([2, 2]) for line in axes.get_lines() if "edge" in line.get_label()
    ],
    "an empty picture": lambda axes: axes.clear(),
    "other limits": lambda axes: axes.set_ylim(0.5, 1),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["figure_e", "ratios_figure", "below_the_edge"])
def test_a_fault_in_the_picture_changes_the_text(hovering, below, name, fault):
    figure = getattr(sharpness_figures, name)(*(below if name == "below_the_edge" else [hovering]))
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[-1])
    assert figures.facts(figure) != right


def test_the_sentence_says_what_the_raise_did(live):
    sentence = live.finish(records.raised(2.0))
    assert "Rate 0.3, from step 150 on 0.6: the sharpness there is 2.6 times the new edge" in sentence
    assert "the sharpness falls to 0.95 times the new edge" in sentence
    assert live.finish(records.raised(3.0)).endswith("and the run diverges.")


def test_the_edge_falls_where_the_rate_is_raised(live):
    live.finish(records.raised(2.0))
    steps, edge = live.lines[4].get_data()
    assert set(edge[steps < RAISED_AT]) == {2 / 0.3}
    assert set(edge[steps >= RAISED_AT]) == {2 / 0.6}


def test_a_run_that_diverges_ends_in_a_cross_and_the_next_has_none(live):
    *_, loss_cross, sharpness_cross = live.lines
    live.finish(records.raised(3.0))
    assert list(loss_cross.get_xdata()) == [161]
    assert list(sharpness_cross.get_xdata()) == [162]
    assert live.lines[2].get_xdata()[-1] == 161
    live.begin()
    live.finish(records.raised(1.5))
    assert len(loss_cross.get_xdata()) == len(sharpness_cross.get_xdata()) == 0


def test_the_run_before_stays_in_grey_unless_it_was_stopped(live):
    before_loss, before_sharpness, loss, sharpness, *_ = live.lines
    first = records.raised(2.0)
    live.finish(first)
    live.begin()
    other = records.raised(1.5)
    stopped = dataclasses.replace(other.record, steps_done=np.full((1, 1), 27))
    assert live.finish(other._replace(record=stopped)) == "The run was stopped."
    assert len(loss.get_xdata()) == 27
    assert len(sharpness.get_xdata()) == 0
    live.begin()
    np.testing.assert_array_equal(before_loss.get_ydata(), first.record.loss[0, 0])
    np.testing.assert_array_equal(before_sharpness.get_ydata(), first.value[0, 0])
    assert len(before_loss.get_xdata()) == RAISED_STEPS


def test_what_leaves_the_live_picture_is_above_its_top(live):
    assert [axes.get_ylim()[1] for axes in live.figure.axes] == [TOP, TOP]
