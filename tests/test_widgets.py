"""Sliders without a browser: the first picture, the newest value wins, errors are seen."""

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from stability_ref import figures, widgets
from stability_ref.problems import Quadratic
from stability_ref.schedules import constant
from stability_ref.training import run

WAIT = 20  # seconds; a busy machine


def pixels(sliders):
    image = sliders.panel.children[-2]
    return np.asarray(Image.open(io.BytesIO(image.value)))


def sentence(sliders):
    return sliders.panel.children[-1].value


def wait_until(condition):
    """Poll a condition that another thread fulfils."""
    ends = time.perf_counter() + WAIT
    while not condition():
        assert time.perf_counter() < ends
        time.sleep(0.01)


class Told:
    """A sentence under the picture that a test can wait for."""

    def __init__(self, sliders):
        self._condition = threading.Condition()
        sliders.panel.children[-1].observe(self._on_value, names="value")
        self._sliders = sliders

    def _on_value(self, change):
        with self._condition:
            self._condition.notify_all()

    def wait_for(self, text):
        with self._condition:
            assert self._condition.wait_for(lambda: sentence(self._sliders) == text, WAIT), sentence(
                self._sliders
            )


@pytest.fixture
def sliders():
    picture = figures.LiveRun(steps=50)

    def train(frame, rate):
        if rate > 5:
            raise RuntimeError("a mistake <in> the update")
        picture.begin()
        picture.finish(run(Quadratic([1.0]), "sgd", constant(rate), 50))
        return f"rate {rate}"

    return widgets.Sliders(
        picture.figure, picture.lines, train, {"rate": widgets.whole_slider("rate", 0, 10, 1)}
    )


def test_the_first_picture_is_there_at_once(sliders):
    assert sentence(sliders) == "rate 1"
    assert pixels(sliders).shape == (380, 840, 3)
    assert pixels(sliders).std() > 0


def test_a_move_changes_the_picture_and_only_inside_the_axes(sliders):
    before, told = pixels(sliders), Told(sliders)
    sliders.panel.children[0].value = 3
    told.wait_for("rate 3")
    changed = (pixels(sliders) != before).any(axis=-1)
    assert changed.any()
    assert not changed[:20].any()


def test_the_picture_has_a_fixed_size(sliders):
    image = sliders.panel.children[-2]
    assert (image.width, image.height) == ("840", "380")


def test_a_redrawn_picture_shows_what_is_drawn_now_and_nothing_older():
    record = run(Quadratic([1.0]), "sgd", constant(0.5), 50)
    redrawn, fresh = figures.LiveRun(steps=50), figures.LiveRun(steps=50)
    picture = widgets.Picture(redrawn.figure, redrawn.lines)
    for rate in (0.1, 3.0):
        redrawn.fill(run(Quadratic([1.0]), "sgd", constant(rate), 50))
        picture.redraw()
    redrawn.fill(record)
    picture.redraw()
    fresh.fill(record)
    assert picture.widget.value == widgets.Picture(fresh.figure, fresh.lines).widget.value


def test_an_error_in_an_update_is_said_and_the_next_update_works(sliders):
    told = Told(sliders)
    sliders.panel.children[0].value = 7
    told.wait_for(
        "<b style='color: #a11'>This update failed. RuntimeError: a mistake &lt;in&gt; the update</b>"
    )
    sliders.panel.children[0].value = 2
    told.wait_for("rate 2")


def test_an_error_in_the_first_update_is_an_error_of_the_cell():
    picture = figures.LiveRun(steps=50)

    def fail(frame, rate):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        widgets.Sliders(
            picture.figure, picture.lines, fail, {"rate": widgets.log_slider("rate", 0.1, 1, 0.5)}
        )


@pytest.mark.parametrize("raises", [False, True])
def test_the_newest_value_wins_and_the_older_run_stops(raises):
    """A stopped run may come back as it is, or as a recipe's KeyboardInterrupt."""
    picture, started, finished, stopped = figures.LiveRun(steps=50), threading.Event(), [], []

    def train(frame, rate):
        if rate == 1:
            return "first"
        started.set()
        while rate == 2:  # a run that would never end by itself
            if frame(lambda: None):
                stopped.append(rate)
                if raises:
                    raise KeyboardInterrupt
                return "too late"
        finished.append(rate)
        return f"rate {rate}"

    slider = widgets.whole_slider("rate", 0, 10, 1)
    sliders = widgets.Sliders(picture.figure, picture.lines, train, {"rate": slider})
    told = Told(sliders)
    slider.value = 2
    assert started.wait(WAIT)
    slider.value = 9
    told.wait_for("rate 9")
    assert (stopped, finished) == ([2], [9])


def test_a_hand_that_never_rests_sees_pictures_too():
    picture, drawn = figures.LiveRun(steps=50), []

    def train(frame, rate):
        ends = time.perf_counter() + 0.3
        while time.perf_counter() < ends and not frame(lambda: drawn.append(rate)):
            time.sleep(0.001)
        return "done"

    slider = widgets.whole_slider("rate", 0, 10, 1)
    widgets.Sliders(picture.figure, picture.lines, train, {"rate": slider})
    drawn.clear()
    for move in range(100):
        slider.value = move % 10
        time.sleep(0.01)
    assert len(drawn) >= 3


def test_a_value_that_the_browser_only_rounds_trains_nothing_anew():
    picture, trained = figures.LiveRun(steps=50), []

    def train(frame, rate):
        trained.append(rate)
        return "done"

    slider = widgets.log_slider("rate", 0.01, 1, 0.1)
    told = Told(widgets.Sliders(picture.figure, picture.lines, train, {"rate": slider}))
    slider.value = 0.1 * (1 - 1e-15)
    slider.value = 0.2
    told.wait_for("done")
    wait_until(lambda: len(trained) == 2)
    assert trained == [0.1, 0.2]


def test_a_long_run_is_drawn_while_it_trains():
    picture, frames = figures.LiveRun(steps=50), []

    def train(frame, rate):
        while len(frames) < 3:
            frame(lambda: frames.append(rate))
        return "done"

    widgets.Sliders(picture.figure, picture.lines, train, {"rate": widgets.whole_slider("rate", 0, 10, 1)})
    assert frames == [1, 1, 1]


def test_progress_counts_the_steps_of_several_runs():
    bowl = Quadratic([1.0])
    with widgets.progress("two runs") as on_step:
        run(bowl, "sgd", constant(0.1), 5, on_step=on_step)
        record = run(bowl, "sgd", constant([0.1, 0.2]), 5, on_step=on_step)
    assert (record.steps_done == 5).all()


def test_the_log_slider_moves_by_ratios():
    slider = widgets.log_slider("rate", 1e-3, 1, 0.1)
    assert (slider.min, slider.max, slider.step, slider.base) == (-3, 0, 1 / 12, 10)


def test_a_slider_over_powers_of_two_stands_on_them_alone():
    slider = widgets.power_of_two_slider("rate", 1 / 64, 4, 0.25)
    assert (slider.min, slider.max, slider.step, slider.base) == (-6, 2, 1, 2)
