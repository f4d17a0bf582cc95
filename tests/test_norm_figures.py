"""The figures of lesson 03b say what they draw, and a fault in one changes what it says."""

import dataclasses

import numpy as np
import pytest
import records
from pictures import line_facts

from stability_ref import figures, norm_figures
from stability_ref.norm_recipes import NORM_LAST, PLACEMENTS, RATES, WITH_WARMUP, WITHOUT_NORM


@pytest.fixture(scope="module")
def ten():
    return records.placements()


def test_figure_8_says_what_it_draws(ten):
    figure = norm_figures.figure_8(ten)
    text = figures.facts(figure)
    assert "Base learning rate: log" in text
    assert "Validation loss after the last step: log 0.05 to 20" in text
    names = "post-norm, post-norm + warmup, pre-norm, pre-norm + warmup"
    assert f"legend: {names}, poor optimization, best learning rate" in text
    assert text.count("shaded") == 4
    assert "9 unstable, first 0.4 last 0.4" in line_facts(figures.facts(figure), "post-norm")
    assert "x: 8 points, 0 not finite, x 0.00781 to 1, 8 unstable" in line_facts(
        figures.facts(figure), "_crosses of post-norm"
    )
    assert "x 0.00391 to 0.00391, 1 unstable" in line_facts(figures.facts(figure), "_best of post-norm")
    assert "x: 2 points, 0 not finite, x 0.5 to 1" in line_facts(
        figures.facts(figure), "_crosses of pre-norm + warmup"
    )


def test_the_star_is_at_the_lowest_median_that_is_not_poor(ten):
    early = dataclasses.replace(
        ten["pre-norm"],
        test_loss=np.where(RATES[:, None] == RATES[2], 0.1, ten["pre-norm"].test_loss),
    )
    figure = norm_figures.figure_8(ten | {"pre-norm": early})
    assert "x 0.00781 to 0.00781, first 0.1" in line_facts(figures.facts(figure), "_best of pre-norm")


def test_a_cross_is_where_most_seeds_are_poor(ten):
    losses = ten["pre-norm"].test_loss.copy()
    losses[0, 5], losses[:2, 4] = 2.0, 2.0
    figure = norm_figures.figure_8(ten | {"pre-norm": dataclasses.replace(ten["pre-norm"], test_loss=losses)})
    (crosses,) = [line for line in figure.axes[0].get_lines() if line.get_label() == "_crosses of pre-norm"]
    assert crosses.get_xdata().tolist() == RATES[[4, 6, 7, 8, 9]].tolist()


def test_what_leaves_the_picture_is_drawn_in_a_row_inside_it(ten):
    for figure in (norm_figures.figure_8(ten), norm_figures.placements_figure(ten)):
        for axes in figure.axes:
            heights = np.concatenate([line.get_ydata() for line in axes.get_lines() if len(line.get_xdata())])
            assert heights.max() == norm_figures.TOP < axes.get_ylim()[1]


def test_the_placements_are_in_two_panels_and_where_nothing_trains_is_no_star(ten):
    figure = norm_figures.placements_figure(ten)
    drawn = [{line.get_label() for line in axes.get_lines()} for axes in figure.axes]
    inside, without = (
        {label + warmup for label in labels for warmup in ("", WITH_WARMUP)}
        for labels in (norm_figures.INSIDE, WITHOUT_NORM)
    )
    assert inside <= drawn[0]
    assert without <= drawn[1]
    assert not inside & drawn[1]
    assert not without & drawn[0]
    assert inside | without == {label for label in ten if not label.startswith("post")}
    assert "7 points, 0 not finite, x 0.000488 to 0.0312, 7 unstable" in line_facts(
        figures.facts(figure), "no norm"
    )
    assert "_best of no norm" not in drawn[1]
    assert "_best of no norm + warmup" in drawn[1]


def test_digits_at_the_edge_and_beyond_are_not_in_the_text(ten):
    def moved(label, record):
        at_the_edge = (norm_figures.base_rates(record) >= norm_figures._DIGITS_PART[label])[:, None]
        return dataclasses.replace(record, test_loss=np.where(at_the_edge, 0.99, 1) * record.test_loss)

    others = {label: moved(label, record) for label, record in ten.items()}
    for draw in (norm_figures.figure_8, norm_figures.placements_figure):
        assert figures.facts(draw(ten)) == figures.facts(draw(others))


def test_lines_are_told_apart_without_colour(ten):
    for figure in (norm_figures.figure_8(ten), norm_figures.placements_figure(ten)):
        for axes in figure.axes:
            lines = [line for line in axes.get_lines() if line.get_label() in ten]
            assert len({line.get_marker() for line in lines}) == len(lines) == 4
            assert len({line.get_color() for line in lines}) == 4
            for line in lines:
                assert line.get_linestyle() == ("--" if WITH_WARMUP in line.get_label() else "-")


FAULTS = {
    "a wrong curve": lambda axes: axes.get_lines()[0].set_ydata(axes.get_lines()[0].get_ydata() * 1.1),
    "swapped colours": lambda axes: axes.get_lines()[0].set_color("red"),
    "another marker": lambda axes: axes.get_lines()[0].set_marker("+"),
    "another axis": lambda axes: axes.set_yscale("linear"),
    "a missing curve": lambda axes: axes.get_lines()[0].remove(),
    "a missing cross": lambda axes: axes.get_lines()[1].set_data([0.25, 0.5], [2, 2]),
    "a lost star": lambda axes: axes.get_lines()[2].remove(),
    "a star elsewhere": lambda axes: axes.get_lines()[2].set_xdata([0.5]),
    "a missing range": lambda axes: axes.collections[0].remove(),
    "a wrong legend": lambda axes: axes.legend(["this", "that"]),
    "other limits": lambda axes: axes.set_ylim(0.05, 100),
}


@pytest.mark.parametrize("draw", [norm_figures.figure_8, norm_figures.placements_figure])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_picture_changes_the_text(ten, draw, fault):
    figure = draw(ten)
    right = figures.facts(figure)
    FAULTS[fault](figure.axes[0])
    assert figures.facts(figure) != right


def test_every_placement_of_the_recipes_has_its_look():
    assert (
        set(PLACEMENTS | NORM_LAST | WITHOUT_NORM) == set(norm_figures._COLOURS) == set(norm_figures._MARKERS)
    )
