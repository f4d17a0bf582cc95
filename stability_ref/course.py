"""The course as it lies on the disk: its folder, its lessons, and what each of them says of itself."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import stability_ref
from stability_ref.clauses import cited

QUESTIONS = {
    "00_start_here": "What is this about, and where do I begin?",
    "01_update_rules": "What does an optimizer do at each step?",
    "02_find_the_edge": "Is my training unstable, and does it matter?",
    "03_warmup": "Can a run that blows up be saved without changing the network?",
    "03b_norm_placement": "How long must a warmup be, and what makes it needless?",
    "04_gradient_clipping": "When should a gradient be shortened, and to what?",
    "05_edge_of_stability": "Why does training get close to breaking, and why does warmup help?",
    "06_other_fixes": "What else is there, and in which order do I try it?",
    "07_batch_size": "Does the batch size decide how good a network can get?",
    "08_your_own_run": "What is wrong with my own run?",
}


class Lesson(NamedTuple):
    """What a lesson says of itself."""

    name: str  # of its file, without the ending
    number: str
    title: str
    minutes: int  # to read and try
    clauses: list[str]


def root() -> Path:
    """The project's folder: the one with stability_ref/, notebooks/ and tests/ in it.

    Raises:
        FileNotFoundError: the package was installed alone, without lessons and tests.
    """
    folder = Path(stability_ref.__file__).resolve().parent.parent
    if all((folder / part).is_dir() for part in ("notebooks", "tests")):
        return folder
    raise FileNotFoundError(
        f"no lessons and no tests stand beside stability_ref in {folder}: a wheel holds the package alone; "
        "get the whole project and start it with python3 dev.py lab, or install it with pip install -e ."
    )


def lessons() -> list[Lesson]:
    """All lessons, in the course's order."""
    return [_lesson(path) for path in sorted((root() / "notebooks").glob("*.ipynb"))]


def lesson_table(folder: str = "") -> str:
    """The lessons as a Markdown table: number and title, the question that each answers, its minutes.

    Args:
        folder: before each link, such as "notebooks/"; without one the table stands in lesson 00 and leaves
            that out.
    """
    rows = [
        f"| [{number} {title}]({folder}{name}.ipynb) | {QUESTIONS[name]} | {minutes} |"
        for name, number, title, minutes, _ in lessons()
        if folder or number != "00"
    ]
    return "\n".join(["| lesson | the question that it answers | minutes |", "|---|---|---|", *rows])


def folded(title: str, markdown: str) -> str:
    """Markdown that shows its title alone and opens with a click.

    Example:
        >>> folded("Letters", "| a |").splitlines()[0]
        '<details><summary>Letters</summary>'
    """
    # Without the empty lines the text between them would not be read as Markdown.
    return f"<details><summary>{title}</summary>\n\n{markdown}\n\n</details>"


def _lesson(path: Path) -> Lesson:
    """A lesson from its Markdown: its first heading, its minutes, and the clauses that it cites."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    title = re.search(r"^# ([^:\n]+)", texts[0], re.MULTILINE)
    minutes = re.search(r"About (\d+) minutes", texts[0])
    if title is None or minutes is None:
        raise ValueError(f"{path.name} must begin with a title (# …) and say 'About … minutes'")
    number = path.stem.partition("_")[0]
    clauses = cited("\n".join(_citing_lines("\n".join(texts))))
    return Lesson(path.stem, number, title.group(1).strip(), int(minutes.group(1)), clauses)


def _citing_lines(markdown: str) -> list[str]:
    """What stands in the bracket behind "The playbook says", as far as its link, and the headings."""
    tags = re.findall(r"^\*\*The playbook says\*\* \(clauses? ([^[)]*)", markdown, re.MULTILINE)
    headings = re.findall(r"^#+ .*$", markdown, re.MULTILINE)
    return [f"(clauses {tag}" for tag in tags] + headings
