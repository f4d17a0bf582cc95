"""From a slider to the picture in a real browser: our Sliders beside ipywidgets' interact."""

import itertools
import json
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import numpy as np

from benchmarks.report import interleaved, median_and_spread, median_ratio, ratios, table, verdict

ROUNDS = 15
DRAGS = 5
HAND = 25  # ms between two moves of a drag's mouse
MOVES = 80
SETTLED = 1200  # ms without a new picture after which a run is over
TARGET = 2.0
OURS, INTERACT = "ours", "interact"
NAMES = {OURS: "stability_ref's Sliders", INTERACT: "interact, inline figure"}


class Setting(NamedTuple):
    """What one move of the slider trains."""

    title: str
    problem: str
    steps: str


SETTINGS = {
    "short": Setting(
        "A training of about 20 ms: two blocks, 80 steps",
        'DigitsProblem("pre", blocks=2, batch_size=64)',
        "80",
    ),
    "lesson": Setting(
        "Lesson 03's own training: eight blocks, 150 steps", "recipes.sick_twin()", "recipes.STEPS"
    ),
}

IMPORTS = """
import json
import time
from statistics import median

from IPython.display import display
from ipywidgets import interact

from stability_ref import figures, lessons, recipes, schedules
from stability_ref.problems import DigitsProblem
from stability_ref.training import run
from stability_ref.widgets import Picture, Sliders, log_slider

%matplotlib inline
def slider():
    return log_slider("rate", 1e-3, 1, 0.1)
"""

WIDGETS = """
problem, steps = {problem}, {steps}

def train(rate, on_step=None):
    return run(problem, "momentum", schedules.cosine(rate, steps), steps, on_step=on_step)

live = figures.LiveRun(steps)

def redraw(frame, rate):
    live.begin()
    record = train(rate, lambda done, total, record: frame(lambda: live.fill(record)))
    live.finish(record)
    return lessons.describe(record)

last = train(0.1)

def new_figure(rate):
    global last
    drawn = figures.LiveRun(steps)
    drawn.finish(last)
    drawn.begin()
    last = train(rate)
    drawn.finish(last)
    display(drawn.figure)
    print(lessons.describe(last))

display(Sliders(live.figure, live.lines, redraw, {{"rate": slider()}}).panel.add_class("ours"))
shown = interact(new_figure, rate=slider()).widget.add_class("interact")
"""

IN_THE_KERNEL = """
from IPython.core.pylabtools import print_figure

record = train(0.1)
again = figures.LiveRun(steps)
picture = Picture(again.figure, again.lines)

def redrawn():
    again.finish(record)
    again.begin()
    picture.redraw()

def drawn_anew():
    new = figures.LiveRun(steps)
    new.finish(record)
    new.begin()
    new.finish(record)
    print_figure(new.figure, bbox_inches="tight")  # as the inline backend does

spent = dict(training=[], ours=[], interact=[])
for _ in range({rounds}):
    for name, work in dict(training=lambda: train(0.1), ours=redrawn, interact=drawn_anew).items():
        start = time.perf_counter()
        work()
        spent[name].append(1000 * (time.perf_counter() - start))
print(json.dumps(spent))
"""

# A picture counts when it is decoded and the browser is about to paint it.
WATCH = """notebook => {
    window.acts = [];  // times of keys pressed and of mouse buttons pressed and released
    window.pictures = [];
    for (const kind of ["keydown", "pointerdown", "pointerup"])
        document.addEventListener(kind, event => acts.push(event.timeStamp), true);
    const paint = () => requestAnimationFrame(() => pictures.push(performance.now()));
    const images = node => node.tagName === "IMG" ? [node] : [...node.querySelectorAll?.("img") ?? []];
    new MutationObserver(changes => {
        const changed = changes.flatMap(({type, target, addedNodes}) =>
            type === "attributes" ? [target] : [...addedNodes].flatMap(images));
        new Set(changed).forEach(image => image.decode().then(paint, () => {}));
    }).observe(notebook, {subtree: true, childList: true, attributes: true, attributeFilter: ["src"]});
}"""
SETTLED_AFTER = """quiet => {
    const last = Math.max(...pictures, ...acts);
    return pictures.at(-1) > acts[0] && performance.now() - last > quiet;
}"""
WATCH_HEIGHT = """panel => {
    window.heights = new Set();
    const look = () => {
        heights.add(panel.getBoundingClientRect().height);
        window.looking = requestAnimationFrame(look);
    };
    look();
}"""

INTRODUCTION = f"""The lesson's picture (training loss and learning rate, the run before in grey) in
JupyterLab and headless Chromium, the same training and figure size for both; interact draws a new inline
figure with the backend's defaults. From an arrow key's event to the first new picture that is decoded and
about to be painted, and to the last one, the whole curve: {ROUNDS} interleaved rounds in one browser. In a
drag the mouse moves every {HAND} ms, {MOVES} times, there and back, {DRAGS} interleaved rounds; behind the
hand is from its release to the last picture. Frames are what Chromium painted in one more drag. Medians,
quartiles in brackets; ratios are taken round by round."""


def measure() -> str:
    """The section of the results."""
    from tests import browser

    if browser.find_chromium() is None:
        return f"Not measured: no Chromium (one of {', '.join(browser.CHROMIUM_NAMES)}) is installed here."
    return "\n\n".join([INTRODUCTION, *(section(setting) for setting in SETTINGS.values())])


def section(setting: Setting) -> str:
    """Both ways for one training."""
    from tests import browser

    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        write_notebook(project / "notebooks" / "slider.ipynb", setting)
        with browser.jupyterlab(project) as address, browser.chromium_page() as page:
            browser.open_lesson(page, address)
            browser.run_all_cells(page)
            in_kernel = json.loads(page.get_by_text(re.compile(r'^{"training"')).inner_text())
            page.locator(".jp-Notebook").evaluate(WATCH)
            ways = {who: Way(page, who) for who in NAMES}
            for way in ways.values():
                way.press()  # to warm up
                way.whole_curve.clear()
            first = interleaved({who: way.press for who, way in ways.items()}, ROUNDS)
            rate = interleaved({who: way.drag for who, way in ways.items()}, DRAGS)
            films = {who: way.film() for who, way in ways.items()}
    whole = {who: way.whole_curve for who, way in ways.items()}
    behind = {who: way.behind_the_hand[:DRAGS] for who, way in ways.items()}
    rows = [
        row("ms to the first new picture", first),
        row("ms to the whole curve", whole),
        row("ms of it drawing, in the kernel", in_kernel),
        row("pictures a second in a drag", rate),
        ["ms behind the hand after a drag", *map(median_and_spread, behind.values()), ""],
        [
            "blank among the frames painted in a drag",
            *(f"{film.blank} of {film.frames}" for film in films.values()),
            "",
        ],
        ["heights of the widget in that drag", *(str(film.heights) for film in films.values()), ""],
    ]
    said = verdict(median_ratio(first, INTERACT, OURS), TARGET)
    return "\n\n".join(
        [
            f"### {setting.title}",
            table(["", *NAMES.values(), "interact over ours"], rows),
            f"To the first new picture, interact over ours, {said}. The training alone, in the kernel: "
            f"{median_and_spread(in_kernel['training'])} ms.",
        ]
    )


def row(title: str, measured: dict[str, list[float]]) -> list[str]:
    both = [median_and_spread(measured[who]) for who in NAMES]
    return [title, *both, median_and_spread(ratios(measured, INTERACT, OURS))]


def write_notebook(path: Path, setting: Setting) -> None:
    cells = [
        IMPORTS,
        WIDGETS.format(problem=setting.problem, steps=setting.steps),
        IN_THE_KERNEL.format(rounds=ROUNDS),
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


class Film(NamedTuple):
    """What was counted in a drag."""

    frames: int  # that the browser painted
    blank: int  # of them, those without a picture where it was
    heights: int  # different ones of the widget; more than one and the page jumps


class Way:
    """One of the two widgets, and what a hand does with it."""

    def __init__(self, page: Any, who: str):
        self.page = page
        self.panel = page.locator(f".{who}")
        self.handle = self.panel.get_by_role("slider")
        self.picture = self.panel.locator("img")
        self.whole_curve: list[float] = []
        self.behind_the_hand: list[float] = []
        self._keys = itertools.cycle(["ArrowRight", "ArrowLeft"])

    def bring_into_sight(self) -> None:
        self.panel.evaluate("panel => panel.scrollIntoView({block: 'center'})")
        self.handle.focus()
        self.page.evaluate("() => { acts.length = pictures.length = 0; }")

    def settled(self) -> tuple[list[float], list[float]]:
        """The times of what the hand did and of the pictures, after the last of them."""
        self.page.wait_for_function(SETTLED_AFTER, arg=SETTLED)
        return self.page.evaluate("() => [acts, pictures]")

    def press(self) -> float:
        """Milliseconds from a key to the first new picture."""
        self.bring_into_sight()
        self.handle.press(next(self._keys))
        (pressed,), pictures = self.settled()
        self.whole_curve.append(pictures[-1] - pressed)
        return pictures[0] - pressed

    def drag(self) -> float:
        """Pictures a second during a drag there and back."""
        self.bring_into_sight()
        box = self.handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for move in range(1, MOVES + 1):
            self.page.mouse.move(x - 4 * min(move, MOVES - move), y)
            self.page.wait_for_timeout(HAND)
        self.page.mouse.up()
        (down, up), pictures = self.settled()
        self.behind_the_hand.append(max(pictures[-1] - up, 0.0))
        return 1000 * sum(down < shown < up for shown in pictures) / (up - down)

    def film(self) -> Film:
        """What the browser shows during a drag."""
        from tests import browser

        self.bring_into_sight()
        box = {side: round(pixels) for side, pixels in self.picture.bounding_box().items()}
        frames: list[np.ndarray] = []
        self.panel.evaluate(WATCH_HEIGHT)
        with browser.filmed(self.page, frames):
            self.drag()
        heights = self.page.evaluate("() => { cancelAnimationFrame(looking); return heights.size; }")
        pictures = [
            frame[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]] for frame in frames
        ]
        return Film(len(frames), sum(np.ptp(picture) < 100 for picture in pictures), heights)
