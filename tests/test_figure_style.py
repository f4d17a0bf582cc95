"""Every figure of the course in both styles: no text is cut off or hidden by another, none is too small.

The classroom's type follows the 8H rule of projection: the last row sits at most eight heights of the screen
away, and then text must be at least 1/50 of that height (Steve Rindsberg, "What if you gave a presentation
but nobody watched?", pptfaq.com). We ask it of the capitals, not of the whole line.
"""

import itertools
import os
import subprocess
import sys

import pytest
import records
from matplotlib.artist import getp
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from pictures import PICTURES

from stability_ref import figure_style, figures

SCREEN = 800  # pixels from the top of a classroom's projector to its bottom
SMALLEST = 11  # points of the ordinary style
TOUCH = 2.0  # pixels; the box of a text is a bit larger than its letters


@pytest.fixture(params=figure_style.STYLES)
def style(request):
    figures.use_style(request.param)
    yield request.param
    figures.use_style("ordinary")


@pytest.fixture
def classroom():
    figures.use_style("classroom")
    yield
    figures.use_style("ordinary")


def drawn(name):
    """One of PICTURES, with its layout final."""
    figure = PICTURES[name]()
    FigureCanvasAgg(figure).draw()
    return figure


def single_texts(figure):
    """Every text that can be seen and stands in no legend."""
    yield from figure.texts
    for axes in figure.axes:
        yield from (*axes.texts, axes.title, axes._left_title, axes._right_title)
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            yield from (axis.label, axis.offsetText)
            yield from (tick.label1 for tick in axis._update_ticks())


def legends(figure):
    yield from figure.legends
    yield from filter(None, (axes.get_legend() for axes in figure.axes))


def boxes(figure):
    """What can be read, by its words, and where it stands, in pixels: a legend is one thing."""
    for text in single_texts(figure):
        if text.get_visible() and text.get_text():
            box = Text.get_window_extent(text)  # of an annotation without its arrow
            frame = text.get_bbox_patch()
            yield text.get_text(), frame.get_window_extent() if frame else box
    for legend in legends(figure):
        yield f"legend of {legend.get_texts()[0].get_text()}", legend.get_window_extent()


def all_texts(figure):
    yield from (text for text in single_texts(figure) if text.get_visible() and text.get_text())
    for legend in legends(figure):
        yield from legend.get_texts()


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_is_cut_off_or_stands_on_another(name, style):
    figure = drawn(name)
    border = figure.bbox
    found = list(boxes(figure))
    cut_off = [
        text
        for text, box in found
        if not (border.x0 <= box.x0 and box.x1 <= border.x1 and border.y0 <= box.y0 and box.y1 <= border.y1)
    ]
    assert not cut_off
    overlapping = [
        (one, other)
        for (one, box), (other, other_box) in itertools.combinations(found, 2)
        if box.padded(-TOUCH / 2).overlaps(other_box.padded(-TOUCH / 2))
    ]
    assert not overlapping


def capitals(text):
    """How high its capitals are, in pixels. Exponents are smaller, as in every print."""
    letter = TextPath((0, 0), "H", size=text.get_size(), prop=text.get_fontproperties())
    return letter.get_extents().height * text.get_figure(root=True).dpi / 72


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_is_small(name, style):
    texts = list(all_texts(drawn(name)))
    assert {text.get_text(): text.get_size() for text in texts if text.get_size() < SMALLEST} == {}
    if style == "classroom":
        heights = {text.get_text(): capitals(text) for text in texts}
        assert {text: height for text, height in heights.items() if height < SCREEN / 50} == {}


@pytest.mark.parametrize("name", PICTURES)
def test_the_style_changes_the_looks_and_not_what_is_shown(name, classroom):
    in_classroom = figures.facts(PICTURES[name]())
    figures.use_style("ordinary")
    assert in_classroom == figures.facts(PICTURES[name]())


def test_a_picture_keeps_its_width_and_its_lines_grow(classroom):
    large = figures.figure_4(records.figure_4())
    figures.use_style("ordinary")
    small = figures.figure_4(records.figure_4())
    assert large.bbox.width == pytest.approx(small.bbox.width)
    for size in ("linewidth", "markersize"):
        pixels = [getp(figure.axes[0].lines[0], size) * figure.dpi for figure in (large, small)]
        assert pixels[0] == pytest.approx(figure_style.LARGER * pixels[1])


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match="style must be one of ordinary, classroom, but 'big' came"):
        figures.use_style("big")


def import_with(value):
    command = "from stability_ref import figures; print(figures.styled_figure(8, 4).__enter__().dpi)"
    return subprocess.run(
        [sys.executable, "-c", command],
        env=os.environ | {"STABILITY_REF_STYLE": value},
        capture_output=True,
        text=True,
    )


def test_the_environment_chooses_the_style():
    assert import_with("classroom").stdout == "145.0\n"
    assert import_with("ordinary").stdout == "100.0\n"
    wrong = "ValueError: STABILITY_REF_STYLE must be one of ordinary, classroom, but 'clasroom' came"
    assert wrong in import_with("clasroom").stderr
