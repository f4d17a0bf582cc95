"""Sliders on a figure: one way to do it, quick, and never behind the hand.

The static part of the figure (axes, ticks, legend) is drawn once and kept as a bitmap; a new picture is that
bitmap and the lines on it. A worker thread does the work, so a slow run never blocks the sliders: as soon as
a newer value waits, the run for the older one is dropped.
"""

import contextlib
import html
import io
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from tqdm.auto import tqdm

from stability_ref.training import OnStep, Record

FIRST_FRAME = 0.03  # seconds of training before a long run shows its first picture
BETWEEN_FRAMES = 0.08  # seconds between its pictures: an eye sees motion, the training keeps most of the time

Frame = Callable[[Callable[[], Any]], bool]


class Picture:
    """A figure of which only some artists change, as an ipywidgets image of fixed size.

    Args:
        figure: the figure; its layout must be final.
        artists: the artists that change.
    """

    def __init__(self, figure: Figure, artists: Sequence[Artist]):
        self._canvas = FigureCanvasAgg(figure)
        self._artists = artists
        for artist in artists:
            artist.set_animated(True)  # leaves it out of the background
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)
        width, height = self._canvas.get_width_height()
        self.widget = ipywidgets.Image(format="png", width=width, height=height)
        self.widget.layout.flex = "0 0 auto"  # the page does not jump
        self.redraw()

    def redraw(self) -> None:
        """Show the artists as they are now."""
        self._canvas.restore_region(self._background)
        for artist in self._artists:
            if artist.axes is not None:
                artist.axes.draw_artist(artist)
        png = io.BytesIO()
        pixels = np.asarray(self._canvas.buffer_rgba())[..., :3]
        Image.fromarray(np.ascontiguousarray(pixels)).save(png, "PNG", compress_level=1)
        self.widget.value = png.getvalue()


class Sliders:
    """Widgets on a picture: every change runs `update` with the newest values and shows what it drew.

    Args:
        figure: the figure, its layout final.
        artists: the artists that `update` changes.
        update: update(frame, **values) computes, sets the data of the artists and returns a sentence. During
            long work it calls frame(draw) now and then: draw() sets the artists' data so far and is called
            only when a picture is due; frame returns True when a newer value waits and the work may stop.
        controls: the widgets by the name of the argument that they set.

    The first update runs at once, in the caller's thread, so that a mistake in it is seen in the cell.
    `panel` is what to display.
    """

    def __init__(
        self,
        figure: Figure,
        artists: Sequence[Artist],
        update: Callable[..., str],
        controls: Mapping[str, ipywidgets.ValueWidget],
    ):
        self._update = update
        self._controls = dict(controls)
        self._picture = Picture(figure, artists)
        self._sentence = ipywidgets.HTML()
        self._newest = 0  # counts changes; a run that is not the newest stops
        self._changed = threading.Lock()
        self._working = False
        self._shown = 0.0  # when the last picture was sent
        self._run(self._values(), number=0)
        for control in self._controls.values():
            control.observe(self._on_change, names="value")
        self.panel = ipywidgets.VBox([*self._controls.values(), self._picture.widget, self._sentence])

    def _values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self._controls.items()}

    def _on_change(self, change: Any) -> None:
        old, new = change["old"], change["new"]
        if isinstance(new, float) and math.isclose(old, new):
            return  # the browser only rounds what Python has set
        with self._changed:
            self._newest += 1
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                number, values = self._newest, self._values()
            try:
                self._run(values, number)
            except Exception as error:  # a thread has no cell to fail in: say it under the picture
                failure = html.escape(f"This update failed. {type(error).__name__}: {error}")
                self._sentence.value = f"<b style='color: #a11'>{failure}</b>"
            with self._changed:
                if self._newest == number:
                    self._working = False
                    return

    def _run(self, values: Mapping[str, Any], number: int) -> None:
        due = time.perf_counter() + FIRST_FRAME
        dropped = False

        def frame(draw: Callable[[], Any]) -> bool:
            nonlocal due, dropped
            now = time.perf_counter()
            if now >= due:
                draw()
                self._show()
                due = time.perf_counter() + BETWEEN_FRAMES
            # A hand that never rests sees something too: a run goes on until there is a recent picture.
            dropped = self._newest != number and now - self._shown < BETWEEN_FRAMES
            return dropped

        try:
            sentence = self._update(frame, **values)
        except KeyboardInterrupt:  # how a recipe that promises whole runs answers when it is stopped
            if not dropped:
                raise
        if not dropped:
            self._show()
            self._sentence.value = html.escape(sentence)

    def _show(self) -> None:
        self._picture.redraw()
        self._shown = time.perf_counter()


@contextlib.contextmanager
def progress(description: str) -> Iterator[OnStep]:
    """A progress bar with the time left, as the `on_step` of one or several runs one after the other.

    Example::

        with progress("three curves") as on_step:
            record = run(..., on_step=on_step)
    """
    with tqdm(desc=description, unit=" steps", leave=False) as bar:

        def on_step(done: int, total: int, record: Record) -> None:
            if done < bar.n or bar.total is None:
                bar.reset(total)
            bar.update(done - bar.n)

        yield on_step


def log_slider(description: str, low: float, high: float, value: float) -> ipywidgets.FloatLogSlider:
    """A slider from low to high, both above 0, whose steps are equal ratios: twelve a decade.

    Example:
        >>> log_slider("learning rate", 1e-3, 1, 0.1).max
        0.0
    """
    low, high = np.log10(low), np.log10(high)
    return ipywidgets.FloatLogSlider(
        value=value, min=low, max=high, step=1 / 12, description=description, readout_format=".3g", **_WIDE
    )


def power_of_two_slider(description: str, low: float, high: float, value: float) -> ipywidgets.FloatLogSlider:
    """A slider over the powers of two from low to high, which are such powers themselves.

    Example:
        >>> power_of_two_slider("batch size", 2, 1024, 64).value
        64.0
    """
    readout = ".0f" if low >= 1 else ".3g"
    low, high = np.log2(low), np.log2(high)
    return ipywidgets.FloatLogSlider(
        value=value,
        base=2,
        min=low,
        max=high,
        step=1,
        description=description,
        readout_format=readout,
        **_WIDE,
    )


def whole_slider(description: str, low: int, high: int, value: int, step: int = 1) -> ipywidgets.IntSlider:
    """A slider over whole numbers.

    Example:
        >>> whole_slider("warmup steps", 0, 100, 50).value
        50
    """
    return ipywidgets.IntSlider(value=value, min=low, max=high, step=step, description=description, **_WIDE)


def decimal_slider(
    description: str, low: float, high: float, value: float, step: float
) -> ipywidgets.FloatSlider:
    """A slider over decimal numbers.

    Example:
        >>> decimal_slider("momentum γ", 0, 0.99, 0.9, step=0.01).value
        0.9
    """
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=description, readout_format=".4g", **_WIDE
    )


def choice(description: str, options: Sequence[str], value: str) -> ipywidgets.ToggleButtons:
    """One of a few names.

    Example:
        >>> choice("network", ["a", "b"], "b").value
        'b'
    """
    buttons = ipywidgets.ToggleButtons(options=options, value=value, description=description, **_WIDE)
    buttons.style.button_width = f"{max(map(len, options)) + 4}ch"
    # The name beside its buttons, in one row where that fits.
    buttons.layout = {"display": "flex", "width": "max-content", "max_width": "100%"}
    return buttons


_WIDE: dict[str, Any] = {"style": {"description_width": "11em"}, "layout": {"width": "40em"}}
