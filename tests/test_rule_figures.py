"""Lesson 01: its figures show what they are given, and what its captions claim is so."""

import numpy as np
import pytest

from stability_ref import figures, rule_figures, updates
from stability_ref.mistakes import MISTAKES
from stability_ref.problems import Quadratic, Rosenbrock
from stability_ref.schedules import constant
from stability_ref.training import trace

CORNERS = (-2.2, 2.2, -1.4, 1.4)


@pytest.fixture
def bowl():
    return Quadratic([1.0, 25.0], start=[-1.8, 1.0])


@pytest.mark.parametrize("name", updates.RULES)
def test_a_trace_is_the_run_from_inside(bowl, name):
    seen = trace(bowl, name, constant(0.01), 30)
    rule = updates.RULES[name]
    theta, state = bowl.initial(0), rule.init(bowl.initial(0))
    for t in range(30):
        np.testing.assert_array_equal(seen.gradient[t], bowl.curvatures * seen.theta[t])
        theta, state = rule.update(theta, seen.gradient[t], state, 0.01)
        np.testing.assert_allclose(seen.theta[t + 1], theta, rtol=1e-13)
    for mine, theirs in zip(seen.states[-1], state, strict=True):
        np.testing.assert_allclose(np.squeeze(mine), theirs, rtol=1e-13)
    assert len(seen.states) == len(seen.theta) == 31


def test_a_trace_is_of_one_trial(bowl):
    with pytest.raises(ValueError, match="a trace's run must be a single trial, but '2 trials' came"):
        trace(bowl, "sgd", constant([0.1, 0.2]), 3)


def test_the_path_starts_and_ends_where_the_trace_does(bowl):
    seen = trace(bowl, "adam", constant(0.1), 40)
    text = figures.facts(rule_figures.paths(bowl, {"adam": seen}, CORNERS, "A bowl"))
    assert "axes 'adam'" in text
    assert "11 contours" in text
    assert "'path' #ffa90e - .: 41 points, 0 not finite, x -1.8 to" in text


def test_the_live_path_marks_the_step_and_writes_down_the_state(bowl):
    live = rule_figures.LivePath(bowl, CORNERS)
    seen = trace(bowl, "momentum", constant(0.01), 40)
    live.fill(seen, 7)
    path, now, *cells = live.lines
    np.testing.assert_array_equal(path.get_xdata(), seen.theta[:, 0])
    assert (now.get_xdata()[0], now.get_ydata()[0]) == tuple(seen.theta[7])
    texts = [cell.get_text() for cell in cells]
    assert texts[:3] == ["t", "7", "of 40"]
    assert texts[9:12] == ["v", *(f"{value:+.3g}" for value in seen.states[7].v[0])]
    live.fill(seen, 99)
    assert [cell.get_text() for cell in cells][:3] == ["t", "40", "of 40"]


def test_a_state_that_is_shorter_leaves_nothing_behind(bowl):
    live = rule_figures.LivePath(bowl, CORNERS)
    live.fill(trace(bowl, "adam", constant(0.01), 5), 2)
    live.fill(trace(bowl, "sgd", constant(0.01), 5), 2)
    assert [cell.get_text() for cell in live.lines[2:]][9:] == [""] * 12


def test_each_curve_of_the_limits_crosses_one_at_its_edge():
    figure = rule_figures.limits([0.0, 0.5, 0.9])
    for axes in figure.axes:
        lines = {line.get_label(): line for line in axes.get_lines()}
        for label, line in lines.items():
            if not label.startswith("_"):
                above = np.asarray(line.get_xdata())[np.asarray(line.get_ydata()) > 1][0]
                assert above == pytest.approx(lines[f"_edge {label}"].get_xdata()[0], abs=0.021)


def test_first_steps_on_the_bowl(bowl):
    """The rules without a scale go as the gradient, Adam and NAdam alike in both directions."""
    first = {name: np.diff(trace(bowl, name, constant(0.01), 1).theta, axis=0)[0] for name in updates.RULES}
    steepness = {name: abs(step[1] / step[0]) for name, step in first.items()}
    for name in ("sgd", "momentum", "nesterov"):
        assert steepness[name] == pytest.approx(25 / 1.8)
    for name in ("adam", "nadam"):
        assert steepness[name] == pytest.approx(1, rel=1e-6)
    assert 1 < steepness["rmsprop"] < 25 / 1.8


def test_nesterov_does_not_zigzag_where_momentum_does():
    valley = Rosenbrock()
    paths = {name: trace(valley, name, constant(0.0005), 200).theta for name in ("momentum", "nesterov")}
    turns = {name: (np.diff(np.sign(np.diff(path[:, 0]))) != 0).sum() for name, path in paths.items()}
    assert turns["momentum"] > 3 * turns["nesterov"]


def rmsprop_lengths(update, init, size):
    theta, lengths, state = np.zeros(1), [], init(np.zeros(1))
    for _ in range(100):
        before = theta
        theta, state = update(theta, np.array([size]), state, 1.0, gamma=0.0)
        lengths.append(abs(theta - before)[0])
    return np.array(lengths)


@pytest.mark.parametrize(("size", "steps"), [(0.1, 50), (0.01, 100)])
def test_a_start_at_one_is_a_warmup_and_a_start_at_zero_the_reverse(size, steps):
    lengths = rmsprop_lengths(updates.rmsprop, updates.rmsprop_init, size)
    assert (np.diff(lengths) > 0).all()
    assert lengths[0] == pytest.approx(size, rel=0.06)
    assert 0.7 < lengths[steps - 1] < 1
    wrong = MISTAKES["rmsprop_starts_at_zero"]
    lengths = rmsprop_lengths(wrong.function, wrong.init, size)
    assert (np.diff(lengths) < 0).all()
    assert lengths[0] == pytest.approx(10**0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("update", "half"),
    [
        (updates.adam, 1e-8 / 0.001**0.5),
        (MISTAKES["adam_epsilon_after_the_correction"].function, 1e-8),
        (MISTAKES["adam_epsilon_inside_the_root"].function, (1e-8 / 3 / 0.001) ** 0.5),
    ],
)
def test_where_epsilon_halves_adam_s_first_step(update, half):
    theta, _ = update(np.zeros(1), np.array([half]), updates.adam_init(np.zeros(1)), 1.0)
    assert abs(theta[0]) == pytest.approx(0.5, rel=1e-6)
