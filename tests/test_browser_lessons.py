"""Every lesson in a real browser: all its cells run, and its first slider draws another picture.

Beside test_browser, so that two browsers can be at work at once: each needs a process of its own.
"""

import json

import pytest
from test_browser import LESSON, PIXELS, ROOT, SCREENSHOTS, errors, opened


def has_sliders(path):
    """Whether the code of a notebook puts sliders on a figure."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return any("Sliders(" in line for cell in cells if cell["cell_type"] == "code" for line in cell["source"])


LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OTHERS = [path.stem for path in LESSONS if has_sliders(path) and path.name != LESSON]


def test_every_lesson_has_sliders_to_try():
    assert [path.name for path in LESSONS if not has_sliders(path)] == []


@pytest.mark.parametrize("lesson", OTHERS)
def test_a_slider_of_the_lesson_draws_another_picture(tmp_path, lesson):
    with opened(tmp_path, f"{lesson}.ipynb") as page:
        from tests import browser

        browser.run_all_cells(page)
        picture = page.locator("img.widget-image").first
        picture.scroll_into_view_if_needed()
        handle = page.locator(".widget-slider").get_by_role("slider").first
        press_and_see(page, picture, handle, "ArrowRight")
        for _ in range(3):
            handle.press("ArrowRight")  # quicker than it trains: the runs between are dropped
        settle(page, picture)
        press_and_see(page, picture, handle, "ArrowLeft")
        page.screenshot(path=SCREENSHOTS / f"6_{lesson}.png")
        assert errors(page) == []


def press_and_see(page, picture, handle, key):
    """Press a key on a slider and wait for another picture."""
    before = picture.evaluate(PIXELS)
    handle.press(key)
    page.wait_for_function(
        f"([picture, old]) => ({PIXELS})(picture) !== old", arg=[picture.element_handle(), before]
    )


def settle(page, picture):
    """Wait until the picture has stayed the same for two seconds."""
    before, now = None, picture.evaluate(PIXELS)
    while now != before:
        page.wait_for_timeout(2000)
        before, now = now, picture.evaluate(PIXELS)
