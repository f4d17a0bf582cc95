"""The lessons as a student meets them: JupyterLab in a real browser, every cell, and the sliders.

The pictures that it keeps in screenshots/ are for looking at.
"""

import contextlib
import importlib.util
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import dev

LESSON = "03_warmup.ipynb"
CLASSROOM_LESSON = "03_warmup"
ROOT = Path(dev.__file__).resolve().parent
SCREENSHOTS = ROOT / "screenshots"
SENTENCE = re.compile(r"^(Highest training loss .*; final test error .*%\.|The loss is not finite from .*)$")
PIXELS = """picture => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL();
}"""
FONT_SIZES = """selectors => Object.fromEntries(selectors.map(selector =>
    [selector, parseFloat(getComputedStyle(document.querySelector(selector)).fontSize)]))"""
SHOWN_AND_DRAWN_WIDTH = "picture => [picture.getBoundingClientRect().width, picture.naturalWidth]"
CUT_OFF = """() => [...document.querySelectorAll(".widget-vbox button, .widget-vbox .widget-readout")]
    .filter(part => part.offsetParent && part.getBoundingClientRect().right >
        part.closest(".widget-vbox").getBoundingClientRect().right)
    .map(part => part.innerText)"""
WATCH_PLACES = """picture => {
    window.places = new Set();
    const look = () => {
        const {x, y, width, height} = picture.getBoundingClientRect();
        window.places.add([x, y, width, height].join(" "));
        window.watching = requestAnimationFrame(look);
    };
    look();
}"""


def test_ci_has_a_browser():
    if os.environ.get("CI") == "true":
        assert missing() is None, f"CI must try the lesson in a browser: {missing()}"


def missing():
    """What is not installed here, or None."""
    if importlib.util.find_spec("playwright") is None:
        return "no playwright: pip install playwright"
    from tests.browser import CHROMIUM_NAMES, find_chromium

    if find_chromium() is None:
        return f"no Chromium: none of {', '.join(CHROMIUM_NAMES)} is installed, and CHROMIUM names none"
    return None


@contextlib.contextmanager
def opened(folder, lesson, style="ordinary"):
    """A lesson in a course of its own, opened at the address that dev.py prints; no cell has run."""
    if missing():
        pytest.skip(missing())
    from tests import browser

    project = folder / "project"
    shutil.copytree(ROOT / "stability_ref", project / "stability_ref")
    (project / "notebooks").mkdir()
    shutil.copyfile(ROOT / "notebooks" / lesson, project / "notebooks" / lesson)
    SCREENSHOTS.mkdir(exist_ok=True)
    with browser.jupyterlab(project, style) as address, browser.chromium_page() as page:
        browser.open_lesson(page, address)
        yield page


READ = (".jp-RenderedHTMLCommon p", ".cm-content", ".widget-label", ".widget-readout", ".widget-html-content")


# First, since two browsers cannot be open at once in one process, and the next one stays for a while.
def test_in_the_classroom_everything_is_larger_and_nothing_is_cut_off(tmp_path):
    with opened(tmp_path, f"{CLASSROOM_LESSON}.ipynb", "classroom") as page:
        from tests import browser

        browser.run_all_cells(page)
        assert errors(page) == []
        sizes = page.evaluate(FONT_SIZES, READ)
        assert min(sizes.values()) >= 1.4 * 13, sizes  # 13 pixels is JupyterLab's smallest
        pictures = page.locator(".jp-RenderedImage img, img.widget-image")
        assert pictures.count() > 2
        for picture in pictures.all():
            shown, drawn = picture.evaluate(SHOWN_AND_DRAWN_WIDTH)
            assert shown == drawn  # a picture that is made to fit has smaller letters
        assert page.evaluate(CUT_OFF) == []
        for number, picture in enumerate([pictures.first, page.locator("img.widget-image").first]):
            picture.scroll_into_view_if_needed()
            page.screenshot(path=SCREENSHOTS / f"7_classroom_{number}.png")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Lesson 03, no cell run."""
    with opened(tmp_path_factory.mktemp("course"), LESSON) as page:
        yield page


@pytest.fixture(scope="module")
def executed(page):
    """The lesson after Run All Cells, its widget in sight."""
    from tests import browser

    browser.run_all_cells(page)
    page.locator(".widget-vbox").evaluate("panel => panel.scrollIntoView({block: 'center'})")
    return page


class Widget:
    """The lesson's sliders and their picture."""

    def __init__(self, page):
        self.page = page
        self.picture = page.locator("img.widget-image")
        self.sentence = page.locator(".widget-html-content")
        self.settle()

    def handle(self, description):
        slider = self.page.locator(".widget-slider").filter(has_text=description)
        return slider.get_by_role("slider")

    def pixels(self):
        return self.picture.evaluate(PIXELS)

    def settle(self):
        """Wait until picture and sentence have not changed for a second."""
        before = None
        while before != (before := (self.pixels(), self.sentence.inner_text())):
            self.page.wait_for_timeout(1000)

    @contextlib.contextmanager
    def changes(self):
        """What is done inside must bring a new picture and a new sentence, and no error."""
        pixels, sentence = self.pixels(), self.sentence.inner_text()
        yield
        self.page.wait_for_function(
            "([sentence, old]) => sentence.innerText !== old", arg=[self.sentence.element_handle(), sentence]
        )
        self.settle()
        assert self.pixels() != pixels
        assert SENTENCE.match(self.sentence.inner_text())
        assert errors(self.page) == []


@pytest.fixture
def widget(executed):
    return Widget(executed)


def errors(page):
    """The text of every error and warning under the cells."""
    kinds = ["application/vnd.jupyter.error", "application/vnd.jupyter.stderr"]
    return page.locator(", ".join(f'[data-mime-type="{kind}"]' for kind in kinds)).all_inner_texts()


def test_it_opens_with_the_reference_in_the_file_browser(page):
    page.locator(".jp-DirListing-itemText", has_text="stability_ref").wait_for()
    page.screenshot(path=SCREENSHOTS / "1_opened.png")
    # The course's own notebooks are not there to be clicked on and changed.
    assert page.locator(".jp-DirListing-itemText").all_inner_texts() == ["my_notebooks", "stability_ref"]


def test_nothing_pops_up(page):
    if not dev.STAMP.exists():
        pytest.skip("only an environment that dev.py made is told not to ask about news")
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0


def test_every_cell_runs_without_an_error(executed):
    assert errors(executed) == []
    assert executed.locator("img.widget-image").count() == 1


def test_the_arrow_keys_move_the_learning_rate(widget):
    handle = widget.handle("base learning rate")
    handle.focus()
    with widget.changes():
        handle.press("ArrowRight")
    widget.page.screenshot(path=SCREENSHOTS / "2_learning_rate_by_keyboard.png")


def test_the_mouse_drags_the_learning_rate_without_a_jump_or_a_blank_picture(widget):
    from tests import browser

    page, handle = widget.page, widget.handle("base learning rate").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    frames = []
    widget.picture.evaluate(WATCH_PLACES)
    with widget.changes(), browser.filmed(page, frames):
        page.mouse.move(x, y)
        page.mouse.down()
        for moved in range(0, 200, 5):
            page.mouse.move(x - moved, y)
            page.wait_for_timeout(25)  # the speed of a hand
        page.mouse.up()
    places = page.evaluate("() => { cancelAnimationFrame(watching); return [...places]; }")
    page.screenshot(path=SCREENSHOTS / "3_learning_rate_by_mouse.png")
    assert len(places) == 1
    left, top, width, height = (round(float(number)) for number in places[0].split())
    pictures = [frame[top : top + height, left : left + width] for frame in frames]
    assert len({picture.tobytes() for picture in pictures}) > 3
    assert all(np.ptp(picture) > 100 for picture in pictures)


def test_warmup_steps_move_by_keyboard(widget):
    handle = widget.handle("warmup steps")
    handle.focus()
    with widget.changes():
        handle.press("PageUp")
    widget.page.screenshot(path=SCREENSHOTS / "4_warmup_steps.png")


def test_the_other_network_is_one_click(widget):
    with widget.changes():
        widget.page.get_by_role("button", name="standard net").click()
    widget.page.screenshot(path=SCREENSHOTS / "5_standard_net.png")
