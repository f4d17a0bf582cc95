"""The text of a figure tells every fault that a reader of the picture would be misled by."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.patches import Rectangle

from stability_ref.figure_facts import facts, mark_unstable
from stability_ref.figures import styled_figure

X = np.array([1.0, 3, 10, 30, 100])
Y = np.array([0.5, 0.4, 0.3, 0.35, 0.45])


def pictured():
    """Something of every kind that `facts` knows."""
    with styled_figure(6, 4) as figure:
        left, right = figure.subplots(1, 2)
        left.plot(X, Y, "-o", color="#3f90da", label="one")
        left.plot(X, 2 * Y, "--", color="#ffa90e", label="other")
        left.fill_between(X, Y - 0.1, Y + 0.1, color="#3f90da", alpha=0.2)
        left.axhline(1, color="0.5", label="bound")
        left.axvline(10, color="0.5", label="_where")
        left.annotate("the minimum", (10, 0.3), (30, 0.1), arrowprops={"arrowstyle": "->"})
        left.set(xscale="log", xlim=(0.5, 200), ylim=(0, 1.2), title="Curves", xlabel="rate", ylabel="loss")
        left.legend()
        right.bar(["a", "b"], [3, 4], color="#3f90da", label="bars")
        right.scatter([0.2, 0.6], [1, 2], color="#ffa90e", label="dots")
        right.stairs([4, 3, 2], [-1, 0, 1, 2], color="#bd1f01", label="steps")
        right.imshow(np.eye(2), extent=(0, 1, 0, 1), aspect="auto", cmap=colormaps["gray"])
        right.secondary_yaxis("right").set_ylabel("the same")
        right.set(xlim=(-1, 2), ylim=(0, 5))
        right.legend()
        figure.suptitle("Everything")
    return figure


def line(axes, label):
    (found,) = [each for each in axes.get_lines() if each.get_label() == label]
    return found


def move(label, x, y):
    return lambda left, right: line(left, label).set_data(x, y)


def set_of(label, /, **look):
    return lambda left, right: line(left, label).set(**look)


def swap_the_handles(left, right):
    handles, labels = left.get_legend_handles_labels()
    left.legend([handles[1], handles[0], *handles[2:]], labels)


def cover(left, right):
    left.add_patch(Rectangle((0.5, 0), 200, 2, color="white", zorder=9))


FAULTS = {
    "a wrong curve": move("one", X, 1.1 * Y),
    "x and y swapped": move("one", Y, X),
    "evenly spaced x": move("one", np.linspace(1, 100, 5), Y),
    "shifted by one": move("one", X + 1, Y),
    "a point dropped": move("one", X[:-1], Y[:-1]),
    "a point masked": move("one", X, np.ma.masked_equal(Y, 0.3)),
    "a point of NaN": move("one", X, np.where(Y == 0.3, np.nan, Y)),
    "an empty line": move("one", [], []),
    "swapped colours": lambda left, right: [
        line(left, "one").set_color("#ffa90e"),
        line(left, "other").set_color("#3f90da"),
    ],
    "another line style": set_of("one", linestyle=":"),
    "another marker": set_of("one", marker="s"),
    "hollow markers": set_of("one", markerfacecolor="white"),
    "a marker now and then": set_of("one", markevery=2),
    "steps": set_of("one", drawstyle="steps-post"),
    "invisible": set_of("one", visible=False),
    "transparent": set_of("other", alpha=0),
    "pale": set_of("other", alpha=0.1),
    "in no colour": set_of("other", color="none"),
    "of no width": set_of("other", linewidth=0),
    "without a line": set_of("other", linestyle="none"),
    "behind": set_of("other", zorder=-5),
    "covered": cover,
    "another label": set_of("other", label="third"),
    "a bound elsewhere": lambda left, right: line(left, "bound").set_ydata([0.9, 0.9]),
    "a mark elsewhere": lambda left, right: line(left, "_where").set_xdata([11, 11]),
    "a legend of other names": lambda left, right: left.legend(["this", "that"]),
    "a legend with names swapped": lambda left, right: left.legend(["other", "one", "bound"]),
    "a legend with handles swapped": swap_the_handles,
    "a legend that is hidden": lambda left, right: left.get_legend().set_visible(False),
    "no legend": lambda left, right: left.get_legend().remove(),
    "a linear axis": lambda left, right: left.set_xscale("linear"),
    "limits turned round": lambda left, right: left.invert_yaxis(),
    "limits beside the data": lambda left, right: left.set_ylim(5, 6),
    "another title": lambda left, right: left.set_title("curves"),
    "another axis label": lambda left, right: left.set_xlabel("step"),
    "another title above": lambda left, right: left.figure.suptitle("Nothing"),
    "another note": lambda left, right: left.texts[0].set_text("the maximum"),
    "a note elsewhere": lambda left, right: left.texts[0].set_position((30, 0.2)),
    "an arrow elsewhere": lambda left, right: setattr(left.texts[0], "xy", (30, 0.35)),
    "no shading": lambda left, right: left.collections[0].remove(),
    "shading elsewhere": lambda left, right: left.collections[0].set_data(X, Y, Y + 0.1),
    "shading of another colour": lambda left, right: left.collections[0].set_color("#ffa90e"),
    "a bar of another height": lambda left, right: right.patches[1].set_height(3),
    "a bar elsewhere": lambda left, right: right.patches[1].set_x(1),
    "a bar of another colour": lambda left, right: right.patches[1].set_color("red"),
    "a bar that is hidden": lambda left, right: right.patches[1].set_visible(False),
    "bars of other names": lambda left, right: right.set_xticks([0, 1], ["b", "a"]),
    "dots elsewhere": lambda left, right: right.collections[0].set_offsets([[0.2, 1], [0.6, 1.5]]),
    "dots of another colour": lambda left, right: right.collections[0].set_color("red"),
    "a step of another height": lambda left, right: right.patches[2].set_data([4, 2, 2]),
    "another image": lambda left, right: right.images[0].set_data(np.ones((2, 2))),
    "another second axis": lambda left, right: right.child_axes[0].set_ylabel("more"),
    "an axes that is hidden": lambda left, right: right.set_visible(False),
    "empty axes": lambda left, right: left.clear(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_the_text(fault):
    figure = pictured()
    right = facts(figure)
    assert facts(figure) == right
    FAULTS[fault](*figure.axes)
    assert facts(figure) != right


def test_what_the_text_says():
    said = facts(pictured()).splitlines()
    assert said == [
        "figure:",
        "  text 'Everything'",
        "axes 'Curves'",
        "  rate: log 0.5 to 200",
        "  loss: linear 0 to 1.2",
        "  'one' #3f90da - o: 5 points, 0 not finite, x 1 to 100, "
        "first 0.5 last 0.45 mean 0.4 min 0.3 max 0.5, x mean 28.8",
        "  'other' #ffa90e -- None: 5 points, 0 not finite, x 1 to 100, "
        "first 1 last 0.9 mean 0.8 min 0.6 max 1, x mean 28.8",
        "  'bound' #808080 - None: 2 points, 0 not finite, x 0 to 1, first 1 last 1 mean 1 min 1 max 1",
        "  '_where' #808080 - None: 2 points, 0 not finite, x 10 to 10, first 0 last 1 mean 0.5 min 0 max 1",
        "  shaded #3f90da, x min 1 max 100, y mean 0.4 min 0.2 max 0.6, alpha 0.2",
        "  texts: 'the minimum' at 30 0.1 pointing to 10 0.3",
        "  legend: one, other, bound",
        "axes ''",
        "  x: linear -1 to 2",
        "  x ticks: a, b",
        "  y: linear 0 to 5",
        "  2 scattered #ffa90e, x min 0.2 max 0.6, y mean 1.5 min 1 max 2",
        "  2 Rectangle #3f90da, x -0.4 to 1.4, bottom 0, top first 3 last 4 mean 3.5 min 3 max 4",
        "  1 StepPatch #bd1f01, x -1 to 2, 8 corners, y mean 2.25 min 0 max 4",
        "  image (2, 2), mean 0.5 min 0 max 1",
        "  legend: dots, steps, bars",
        "axes ''",
        "  x: linear 0 to 1",
        "  the same: function 0 to 1",
    ]


def test_points_beyond_the_limits_are_counted():
    figure = pictured()
    left = figure.axes[0]
    left.set_ylim(0.34, 0.42)
    of_one, of_other = facts(figure).splitlines()[5:7]
    assert of_one.endswith(", 3 outside the axes")
    assert of_other.endswith(", all outside the axes")


def test_a_point_that_a_log_axis_cannot_show_is_outside():
    figure = pictured()
    figure.axes[0].set(yscale="log", ylim=(0.1, 2))
    line(figure.axes[0], "one").set_ydata([0.5, 0.4, 0.0, -1.0, 0.4])
    assert facts(figure).splitlines()[5].endswith(", 2 outside the axes")


def test_of_unstable_points_the_text_says_no_value():
    said = []
    for values in (7.0, 9.0):
        figure = pictured()
        left, right = figure.axes
        unstable = X > 20
        line(left, "one").set_ydata(np.where(unstable, values, Y))
        left.collections[0].set_data(X, Y - 0.1, np.where(unstable, values, Y))
        right.patches[0].set_height(values)
        for artist in (line(left, "one"), left.collections[0], *right.patches):
            mark_unstable(artist, unstable, 5)
        said.append(facts(figure))
    assert said[0] == said[1]
    assert "2 unstable, first above 5 at 30" in said[0]
    assert "y mean 0.35 min 0.2 max 0.5, alpha" in said[0]


def test_an_unstable_line_that_is_nowhere_to_be_seen_is_said():
    figure = pictured()
    left, _ = figure.axes
    mark_unstable(line(left, "one"), np.full(5, True))
    assert "outside" not in facts(figure)
    left.set_ylim(5, 6)
    assert "'one' #3f90da - o: 5 points, 0 not finite, x 1 to 100, 5 unstable, x mean 28.8, all" in facts(
        figure
    )


def test_a_legend_of_the_whole_figure_is_said_too():
    figure = pictured()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2])
    assert "  legend: one, other\naxes" in facts(figure)
    figure.legends[0].remove()
    figure.legend(handles[:2], labels[1::-1])
    assert "  legend: other shown as #3f90da - o, one shown as #ffa90e -- None\naxes" in facts(figure)


def test_contours_say_where_the_floor_lies():
    x, y = np.meshgrid(np.linspace(-2, 2, 41), np.linspace(-2, 2, 41))
    said = []
    for loss in (x**2 + 9 * y**2, 9 * x**2 + y**2):
        with styled_figure(4, 4) as figure:
            figure.subplots().contour(x, y, loss, levels=[1, 10])
        said.append(facts(figure))
    assert "2 contours, 1 to 10, the lowest over x min -1 max 1, y min -0.33 max 0.33" in said[0]
    assert said[0] != said[1]
